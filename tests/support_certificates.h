/*
 * Certificates and keys for the tests of TLS, in PEM. Made by tests/tls/make_certificates.
 */
#ifndef APM_TESTS_SUPPORT_CERTIFICATES_H
#define APM_TESTS_SUPPORT_CERTIFICATES_H

/* The authority whose certificates are trusted in the tests. */

static const char authority_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBmTCCAT+gAwIBAgIUMFM+a+/pApBr35njXKmLCQV559cwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjI1MTI4WhgPMjEy\n"
    "NjEwMjgyMjUxMjhaMBkxFzAVBgNVBAMMDlRlc3QgQXV0aG9yaXR5MFkwEwYHKoZI\n"
    "zj0CAQYIKoZIzj0DAQcDQgAEiu2AZlISF7F6K/gIfG0ssUX/FdEXyruo4vLvdBiP\n"
    "ldn0rIz8w+U+bMz5AHqPJlC1z1Etbdc28rr6H/wpwjpnSKNjMGEwHQYDVR0OBBYE\n"
    "FP7ju9k+qPSezesqvMxJ99tkspnPMB8GA1UdIwQYMBaAFP7ju9k+qPSezesqvMxJ\n"
    "99tkspnPMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMAoGCCqGSM49\n"
    "BAMCA0gAMEUCIQDtlYmCqIdcpJK3tZBJueoRdYrswxUCN1wKlUsNcgubDQIgRj4r\n"
    "Zc1wPBX+BEZCFbJRla+BfV4KdFUMRZbyJmRCq1s=\n"
    "-----END CERTIFICATE-----\n";

/* For test.local, localhost, *.wild.local, 127.0.0.1 and ::1. */
static const char server_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIB1DCCAXmgAwIBAgIUBjvFwLMatitfZhlbeB1QHIAVhaEwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjI1MTI4WhgPMjEy\n"
    "NjEwMjgyMjUxMjhaMBUxEzARBgNVBAMMCnRlc3QubG9jYWwwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAASk5XK014JI3FW91DLWPH/SuSKlCabWpfAXAmhdu+wmZJ/t\n"
    "0IVccd8F1wXAlhYhHyBn85oRv8doMBywmsEsDfBJo4GgMIGdMEYGA1UdEQQ/MD2C\n"
    "CnRlc3QubG9jYWyCCWxvY2FsaG9zdIIMKi53aWxkLmxvY2FshwR/AAABhxAAAAAA\n"
    "AAAAAAAAAAAAAAABMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdDgQWBBTs1Rv0\n"
    "hBpcODiTScBhzCh+vE1r/TAfBgNVHSMEGDAWgBT+47vZPqj0ns3rKrzMSffbZLKZ\n"
    "zzAKBggqhkjOPQQDAgNJADBGAiEA8VSfe5uT+OBfsdXUQRIbgPgrpZUMNlBhQGMW\n"
    "U7zD8IgCIQD0dw5LA/HatzmMpZbv/KjOhVg0oDmfpHwv4cWDRP/oIA==\n"
    "-----END CERTIFICATE-----\n";

static const char server_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcmmmuQb+2rgE10Jp\n"
    "PV2m4WpIkgMmQfyOCITGsCToraihRANCAASk5XK014JI3FW91DLWPH/SuSKlCabW\n"
    "pfAXAmhdu+wmZJ/t0IVccd8F1wXAlhYhHyBn85oRv8doMBywmsEsDfBJ\n"
    "-----END PRIVATE KEY-----\n";

/* For other.local. */
static const char other_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBjTCCATOgAwIBAgIUBjvFwLMatitfZhlbeB1QHIAVhaIwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjI1MTI5WhgPMjEy\n"
    "NjEwMjgyMjUxMjlaMBYxFDASBgNVBAMMC290aGVyLmxvY2FsMFkwEwYHKoZIzj0C\n"
    "AQYIKoZIzj0DAQcDQgAET7TbSVPl1Ip1bF9SJxKWY2t7DQpUt+yWjiwxZLsy+HWs\n"
    "OvfODYeRYcYmJYHB+qLFPXOvUIe7gZ13v7tb4ojpTaNaMFgwFgYDVR0RBA8wDYIL\n"
    "b3RoZXIubG9jYWwwHQYDVR0OBBYEFDkeeH3gr/UbHR0+RPKQxQghefs8MB8GA1Ud\n"
    "IwQYMBaAFP7ju9k+qPSezesqvMxJ99tkspnPMAoGCCqGSM49BAMCA0gAMEUCIEyq\n"
    "Eb31n216ZA3v5nGPrftHSoGZ85ktQ76pB/bMd2DPAiEA2gGzODopgomiW2Zd0D+S\n"
    "EAFX7+JESJOw4h9I+q39xow=\n"
    "-----END CERTIFICATE-----\n";

static const char other_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMJVOqNnJTFIEkg+R\n"
    "yR+4K/kp+vMXOyUZH6X1R5C8RaKhRANCAARPtNtJU+XUinVsX1InEpZja3sNClS3\n"
    "7JaOLDFkuzL4daw6984Nh5FhxiYlgcH6osU9c69Qh7uBnXe/u1viiOlN\n"
    "-----END PRIVATE KEY-----\n";

/*
 * The same names by other keys: one of RSA, whose key is also there encrypted with the password "secret"; one
 * that is in the list of revocations; one that has expired; one that is signed by itself.
 */
static const char rsa_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIICiTCCAi+gAwIBAgIUBjvFwLMatitfZhlbeB1QHIAVhaUwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjI1MTMwWhgPMjEy\n"
    "NjEwMjgyMjUxMzBaMBUxEzARBgNVBAMMCnRlc3QubG9jYWwwggEiMA0GCSqGSIb3\n"
    "DQEBAQUAA4IBDwAwggEKAoIBAQDQCs9oMAwoSDH+m3anKvQVemIS3gWeMlEyu6OH\n"
    "be/aYc5kj8v6N8Mvr384f+ObzKgM9Em0YFomV62fiXzR3XB8EOZejO9Kq4uot8SD\n"
    "1/aLRHV7dkdmnuHQ+uCdkzQng0n12uvkBtg3W0D8JR2a1bxDLoqyPZT/T6jGqkXi\n"
    "mQyDZgbOZbnAHC+p+DsNP835LrPsJVFlaYx2h485tM4j9AK9Ns1sshSePRKT0izH\n"
    "qfp71fUJl/v0ER7fYIR7vbfBcL+wbP+xGSTfJ1GLEn19fLdLtPPb8wivBeDUNkjC\n"
    "GfGGcRHSbpl6BYSUabxbd0PbFkrLTqlMDjFUjxoNvqKqI2CBAgMBAAGjgYswgYgw\n"
    "RgYDVR0RBD8wPYIKdGVzdC5sb2NhbIIJbG9jYWxob3N0ggwqLndpbGQubG9jYWyH\n"
    "BH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwHQYDVR0OBBYEFKmi8ER44LAJC1E0aBIB\n"
    "LOyJK8FNMB8GA1UdIwQYMBaAFP7ju9k+qPSezesqvMxJ99tkspnPMAoGCCqGSM49\n"
    "BAMCA0gAMEUCIHteY4/2N3EVeiv2HoW+eoHPXH9TKGPDIcbqcpTmY6OmAiEAklks\n"
    "8X4kUrKzkHXoUWEGVuGpyhLc0mDErEy+B8PQIBo=\n"
    "-----END CERTIFICATE-----\n";

static const char rsa_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDQCs9oMAwoSDH+\n"
    "m3anKvQVemIS3gWeMlEyu6OHbe/aYc5kj8v6N8Mvr384f+ObzKgM9Em0YFomV62f\n"
    "iXzR3XB8EOZejO9Kq4uot8SD1/aLRHV7dkdmnuHQ+uCdkzQng0n12uvkBtg3W0D8\n"
    "JR2a1bxDLoqyPZT/T6jGqkXimQyDZgbOZbnAHC+p+DsNP835LrPsJVFlaYx2h485\n"
    "tM4j9AK9Ns1sshSePRKT0izHqfp71fUJl/v0ER7fYIR7vbfBcL+wbP+xGSTfJ1GL\n"
    "En19fLdLtPPb8wivBeDUNkjCGfGGcRHSbpl6BYSUabxbd0PbFkrLTqlMDjFUjxoN\n"
    "vqKqI2CBAgMBAAECggEAARkGgUVsIgAIBgC4YH9QNocM2o5B+7TGo4i0jyHSD74f\n"
    "gH23AQLvcGpp1qCroPpEan2VQDq4LQ6+QXrQbhvP1LLC4W23U0a6k91E3+B5SkC2\n"
    "KTyteaXV2ZRCUEiLIFh/sNi68QsFc+zTB+WS/Xq6XaUiqZg8N5jqMkKqn9yIga67\n"
    "I1vPKCgJqFLJdrJ8WhE29vHycesb3W3QJ98N0FFO2wVXgz/8YYJrpqv2zzSngcLa\n"
    "e0pOVTx2OzIlGAqMhPeaGl0MhnbidwIvcH3FHQzScT4MObKJ2XAkymgnBlepk7JU\n"
    "6Yxc6NYPwD/YctZS97oBti6nS5UTSy+Wwd62Nfj5MQKBgQDwJfJDaRNiuztSRcOv\n"
    "yZCdEn1l+mJ+QtlS5VrdD1jL71iDrmfp5J+pgWvEIR2qAKUPRfhF9J8gzzgko1tq\n"
    "G2K7MKfrh8SS4ccWANaDvr7Q4nCIKogCn9UJEIeG2ejk7efPRz3ssF9IcvJzOYPA\n"
    "uxTzwCvPZg9hnuPh8JlJZvM90QKBgQDdxlUxDmN8BTgMADNNYuEblwyiLuLBvUnF\n"
    "j+2JuH1KFfJAPJodCIKApX4ofX02ZwdyZ5G9RuVcv8okwyJFH5pjd2Actg0jiPKG\n"
    "FeaUgWRgmmk6PH0sG9+Q5BDlWhpwCYsrOJVWuI07ZEBnfOWjMogGcaBwU2A0VXjr\n"
    "/MgDTJUzsQKBgQCpKcHHFHxwXv2Bjd0ztePlkUG+FStOT56w0xk3gPkG5vnOAIv4\n"
    "aXDCwYT9Kmqv9zZOVPZ3qMJzJSUiQeRCETpyK+sNcZzZ7qsD5+Ez+qiFkgy9DmCy\n"
    "oI47jWY6asOwh5l0HHYVhYQJD9eTrR8PI3m13le+B+Gr3XYfERGZcCjGEQKBgADZ\n"
    "cJwWfQUNlBBfs9KZDVmos3Cvk0jAq9ao3XUIktpEyT+7u69ex/ksKRaInIEn1dx3\n"
    "TxSVf+1iAqkvYiM3osS8wU562AQJ0zv2O4LYGAVSshJ6BtSzaqDIbtQiCzXgo3rP\n"
    "5aqGXGwczy5WSR7d4616o+2qNBUfOq5UsoNouK2RAoGBAL0ZVm0ZzF6O1JdtuQ6J\n"
    "hjPVFFAP9RK48hHa0kL9RGJGJp5q0edhrJavAbpo6oqgBJGFSHX0D7y9DMRgqf2e\n"
    "NB4keGJpOATzqjD2GAmvTHZNsEpfPMznI5Xoji5zv+a3fNEYs723m1BfEPUuy2S7\n"
    "a6N1C+U2jAg1TSLZ0/cHLgp9\n"
    "-----END PRIVATE KEY-----\n";

static const char rsa_key_encrypted[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-256-CBC,3534D89FA2B688B0CA6255898344AE80\n"
    "\n"
    "zT5KKO3TnZFespBUU9GfTIqI75sPIasim5cMUjC3NeRD/x9ocCsdV7CRfrOFYD2y\n"
    "iI+jMFtm6MLUZupVXAiz9S0UXf0rvthk2copmdEhJlGxGyWy+Zvk+q7XwcxWXTqx\n"
    "LxfRgJAiGEMH3x02qV4WAzqs+0hj3PdHKExIEMki8WQxEvm6NdC6nCB8Y17jxFn2\n"
    "ssB0WyHQohyie3d1i9By1z/8aLnzb0kk+PXnADdGrED22a0txvAGzsN9xttJ2KZw\n"
    "2ZGPrtoqGbSLax+ugcVfbq4jlwNfNviWvhaU2KKIrZgtT3lNBufSlSOnzKdxMvEa\n"
    "yG4w8opjnv6ST4LuJG2MHSw8R/17p+KxfM4O/svQ6vKWDJJsIlcLwcTfEtl6UxA9\n"
    "5uMgg3nKYvpGFvube6SkBOSwUL7eEsD7AIShxswpLZ7HqUunb7eEZTvDJLbs9opy\n"
    "M74+2di+42xoLokzRZrQTQDGHRHhkyUlZsCIbTZGVBnH45nQc/ao37JmRbPIer3m\n"
    "BI6+iRTew4Qer55o3BkI4QWOkxk3VV6hTB4SQXWf9KX1v/eCNjmtNvhlOL0Tc7Yl\n"
    "0Xk0q6HeK0WKfMVgqmOZkdwdo6Ss1n2Dg0iYuFhoxnBoTUY1NYWILIPZtVc/bpFQ\n"
    "bYsHk+oH0fGyMbuSZ1BKrW8NTe/IfAho8VasKxpiGpPRTCy36q9iMhL/QJWPMPrO\n"
    "g/sCFhWGI3IhWXMaQtYws534M/Hoej1a7z+vFv76ndb57Yr0jlMBRPV6tiKTmT7v\n"
    "hMeW3/9TU5HkxOgbnrIaSSWGCNdXtnkTBmLNAaXPQ+xrM8SsxWbhFG26i7oLPUwQ\n"
    "5CQww5P7sMTcFpa9FKrGIOlxjEMmo2CAlqBLLGsirRZT5n9OT82KERxuSzi2apM7\n"
    "1z/W4JKqOCVjjjXIiwUPDmovia0B0leLm4KRG/2klGw44a83MHfm8/lEQr9uxRjB\n"
    "EqKAr2IDmrECwc+sLrZuYVFU4KzLwfugHGQoteK58YvQdmDzuV2rPstQMPOo31ZG\n"
    "lseQic7gJIs8whAoj6YsWpTGYpI9ovRFMd04KJalMm1NhN9ADr8uEgPvRWq4ERcc\n"
    "kMJ3pn3XYJiVb30TxnO7ntV3WIUcPUIefx26/LH+EX0qgqY4ZIiGp+92Dbt9Qfip\n"
    "7MSWzKH8B2RQqgt3yAzyusvXLMviF6hcbM+rRzqhwQNARuAq6xj5/E+MuCxB0nXx\n"
    "AB5s0uCSZAV2pVREqnhRE0/UDK7SyrDH7vD04S7+Frk0+CJLSA9nI8IQ4UB4Ma3h\n"
    "QMYn2OCfPgeKgL6/fFGySJ6xhEv4eYw9VotuaPdG5o1h65+gMJl+Ixb31NNLSuqf\n"
    "7/D8ua7jXyNlvubdjWnetyNK+FS4sM+KsJdBiHhv6rmefvkfSsKgFLHXuVtJlQn6\n"
    "gbg9NzGDujQC8XS9y7/Q00jjWu1SSxkzAPuXciO/0PXFCpvDnkHXjaCM/Qe3u+cJ\n"
    "YnqVDiINnDYHczD5DOc1K6P3mNpMOdcG18GI6Z6fTIVvbW/5lkL5oEQfq5r2e9p2\n"
    "a2WZu8Hmb4R8p62AmYzVrCUn32QpFGBjZ3XLyG9CJFIhRwSiYHGO9bArJAw6YFBv\n"
    "-----END RSA PRIVATE KEY-----\n";

static const char revoked_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBvzCCAWSgAwIBAgIUBjvFwLMatitfZhlbeB1QHIAVhaMwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjI1MTI5WhgPMjEy\n"
    "NjEwMjgyMjUxMjlaMBUxEzARBgNVBAMMCnRlc3QubG9jYWwwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAASNd6zm9UZL5F7fv6EnnCtWeQuelZLX3snNeQeViEdWP5jz\n"
    "fSkSBRlRu5TkL4LRzcHH3vNLwws5JeidwD/FhVf9o4GLMIGIMEYGA1UdEQQ/MD2C\n"
    "CnRlc3QubG9jYWyCCWxvY2FsaG9zdIIMKi53aWxkLmxvY2FshwR/AAABhxAAAAAA\n"
    "AAAAAAAAAAAAAAABMB0GA1UdDgQWBBTUN+KM6254SPzqiRblZIojAp9I8TAfBgNV\n"
    "HSMEGDAWgBT+47vZPqj0ns3rKrzMSffbZLKZzzAKBggqhkjOPQQDAgNJADBGAiEA\n"
    "nR/q9EhHGP4dBPPwWMzzuQIRUWc8qZnlnGvq0vaP5RoCIQD4NjcRX2H+trBAWWSn\n"
    "Zn4W6+pGepd4GqX3q6NLFfiIdw==\n"
    "-----END CERTIFICATE-----\n";

static const char revoked_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+QKQiGAT95GQBxeG\n"
    "r2tqstmRdseLxa2esxK2ZUAvlyehRANCAASNd6zm9UZL5F7fv6EnnCtWeQuelZLX\n"
    "3snNeQeViEdWP5jzfSkSBRlRu5TkL4LRzcHH3vNLwws5JeidwD/FhVf9\n"
    "-----END PRIVATE KEY-----\n";

static const char revocation_list[] =
    "-----BEGIN X509 CRL-----\n"
    "MIHcMIGEAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgQXV0aG9yaXR5\n"
    "Fw0yNjExMjEyMjUxMzBaGA8yMTI2MTAyODIyNTEzMFowJzAlAhQGO8XAsxq2K19m\n"
    "GVt4HVAcgBWFoxcNMjYxMTIxMjI1MTMwWqAPMA0wCwYDVR0UBAQCAhAAMAoGCCqG\n"
    "SM49BAMCA0cAMEQCIAeNF1RW07foLhTDjE1ZffGpehNE6iiFMX475SFuHhbOAiBd\n"
    "BnIYtuczaCKvjn7EruEvQnANfbiuvs1a+dmzD6QiJQ==\n"
    "-----END X509 CRL-----\n";

static const char expired_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBqjCCAVCgAwIBAgICEAAwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOVGVzdCBB\n"
    "dXRob3JpdHkwHhcNMjAwMTAxMDAwMDAwWhcNMjEwMTAxMDAwMDAwWjAVMRMwEQYD\n"
    "VQQDDAp0ZXN0LmxvY2FsMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5YwD9rXH\n"
    "BVUC8tStO5a389dD/m40CFHpVkkvB7xq9J7ZJhyS8fVOX15Wp7QOwYheNvjlwmFJ\n"
    "AO3Jja0fiDvrZ6OBizCBiDBGBgNVHREEPzA9ggp0ZXN0LmxvY2Fsgglsb2NhbGhv\n"
    "c3SCDCoud2lsZC5sb2NhbIcEfwAAAYcQAAAAAAAAAAAAAAAAAAAAATAdBgNVHQ4E\n"
    "FgQUStZTkGanPi6HaJD8fP5fiZM9djUwHwYDVR0jBBgwFoAU/uO72T6o9J7N6yq8\n"
    "zEn322Symc8wCgYIKoZIzj0EAwIDSAAwRQIhAPrM5CLvwUjOq1/zUbgKBbFpHv2B\n"
    "bak4kaHJgSNzzavEAiBuQ8Mdprca2Mbr8/wajKRB/f7Xd8hhV8jYqgSC2HCkkg==\n"
    "-----END CERTIFICATE-----\n";

static const char expired_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrCUHZqbeFENi+ddC\n"
    "ZwtDTRYmkYCkY8h4DBBQa73kjkahRANCAATljAP2tccFVQLy1K07lrfz10P+bjQI\n"
    "UelWSS8HvGr0ntkmHJLx9U5fXlantA7BiF42+OXCYUkA7cmNrR+IO+tn\n"
    "-----END PRIVATE KEY-----\n";

static const char self_signed_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIByjCCAXGgAwIBAgIUN+zGBHNZ3+TcRrmIqzAcu4JRSC4wCgYIKoZIzj0EAwIw\n"
    "FTETMBEGA1UEAwwKdGVzdC5sb2NhbDAgFw0yNjExMjEyMjUxMzBaGA8yMTI2MTAy\n"
    "ODIyNTEzMFowFTETMBEGA1UEAwwKdGVzdC5sb2NhbDBZMBMGByqGSM49AgEGCCqG\n"
    "SM49AwEHA0IABGzlkvE72ALdWQvtC7T1eC+2q16Qnzcwa7IiUX5BqIyZ3JdMvusc\n"
    "7Oy756BE7qA3NqZvtLd5MdUXSIPRR/KZPUWjgZwwgZkwHQYDVR0OBBYEFJ2vb4Yr\n"
    "kVe6uvBKUdJY4JEHRWZeMB8GA1UdIwQYMBaAFJ2vb4YrkVe6uvBKUdJY4JEHRWZe\n"
    "MA8GA1UdEwEB/wQFMAMBAf8wRgYDVR0RBD8wPYIKdGVzdC5sb2NhbIIJbG9jYWxo\n"
    "b3N0ggwqLndpbGQubG9jYWyHBH8AAAGHEAAAAAAAAAAAAAAAAAAAAAEwCgYIKoZI\n"
    "zj0EAwIDRwAwRAIgXFcRNq515b8yYHfIslkCGfvK4CtmSQMnC3mw2t/oBCgCIEQI\n"
    "xuO2QvcuxZj9LLDFdkI2R75PfSPBbERbcCTyWaBS\n"
    "-----END CERTIFICATE-----\n";

static const char self_signed_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdJtMuTI5wDIjpKZQ\n"
    "B8NXgWjq6BDkO1qjIwpamKXJhTehRANCAARs5ZLxO9gC3VkL7Qu09XgvtqtekJ83\n"
    "MGuyIlF+QaiMmdyXTL7rHOzsu+egRO6gNzamb7S3eTHVF0iD0UfymT1F\n"
    "-----END PRIVATE KEY-----\n";

/* CN=client one. */
static const char client_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBiTCCAS+gAwIBAgIUBjvFwLMatitfZhlbeB1QHIAVhaQwCgYIKoZIzj0EAwIw\n"
    "GTEXMBUGA1UEAwwOVGVzdCBBdXRob3JpdHkwIBcNMjYxMTIxMjI1MTI5WhgPMjEy\n"
    "NjEwMjgyMjUxMjlaMBUxEzARBgNVBAMMCmNsaWVudCBvbmUwWTATBgcqhkjOPQIB\n"
    "BggqhkjOPQMBBwNCAARvOnin3PWlKxJdZlqStNKlaZWElfqrmZqq/JGUe3qahpu9\n"
    "BpS0E0hL5K7WKqmbTDKyvWldsW00UILX87wPT5mHo1cwVTATBgNVHSUEDDAKBggr\n"
    "BgEFBQcDAjAdBgNVHQ4EFgQUkwQmGbIBA6CQlIU4k/7xW2gtaKEwHwYDVR0jBBgw\n"
    "FoAU/uO72T6o9J7N6yq8zEn322Symc8wCgYIKoZIzj0EAwIDSAAwRQIhANVw7tP2\n"
    "bAkRj0zasi11EqilfXKAYOHhazmbOs5rIbOXAiB7o1FQgZC8JbT4tJ7KrBYc1ngy\n"
    "Z+TAYODieoshVmjagg==\n"
    "-----END CERTIFICATE-----\n";

static const char client_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyBzyew0ch05WM+tc\n"
    "lxQya17Fr5VTcWP4vA+LgDUSZ3ehRANCAARvOnin3PWlKxJdZlqStNKlaZWElfqr\n"
    "mZqq/JGUe3qahpu9BpS0E0hL5K7WKqmbTDKyvWldsW00UILX87wPT5mH\n"
    "-----END PRIVATE KEY-----\n";

#endif
