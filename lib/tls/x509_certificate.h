/*
 * Handles of certificates. What a handle names is immutable and shared; the handle is one holder of it.
 */
#ifndef APM__X509_CERTIFICATE_H
#define APM__X509_CERTIFICATE_H

#include "apm/x509_certificate.h"
#include "slot.h"
#include "tls_engine.h"

extern struct apm__slot_table apm__x509_certificates;

/* Gives a certificate a handle, which is another holder of it. OUT_OF_MEMORY; then the null handle. */
apm_error apm__x509_certificate_share(const struct apm__tls_certificate *certificate, apm_x509_certificate *handle);

/* The certificate of a handle, for apm__tls_certificate_destroy; NULL for the null handle, which is no error. */
apm_error apm__x509_certificate_take(apm_x509_certificate handle, struct apm__tls_certificate **certificate);

/* Gives a reference to a slot of the table back. */
void apm__x509_certificate_release(struct apm__slot *slot);

/* Has cleanup close and report what is left of the objects of this layer. */
void apm__tls_join_cleanup(void);

#endif
