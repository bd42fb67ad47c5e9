/*
 * What the simulated machine does not have: streams of files, multicast, urgent data, options by number, descriptors
 * that are passed on, code pages. Calls for these fail as on a system without them. What is simulated one day leaves
 * this file.
 */
#include <errno.h>

#include "machine.h"
#include "network.h"
#include "os.h"
#include "os_posix_error.h"

apm_error apm__os_socket_send_descriptor(apm__os_socket over, apm__os_socket descriptor)
{
    (void)over;
    (void)descriptor;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_receive_descriptor(apm__os_socket over, apm__os_socket *descriptor, bool *ended)
{
    (void)over;
    (void)descriptor;
    (void)ended;
    return apm__os_translate(EOPNOTSUPP);
}

bool apm__os_option_of(int level, int name, int *system_level, int *system_name)
{
    (void)level;
    (void)name;
    (void)system_level;
    (void)system_name;
    apm__os_set_native_error(EOPNOTSUPP);
    return false;
}

apm_error apm__os_socket_raw_option(apm__os_socket socket, int level, int name, void *value, size_t *size)
{
    (void)socket;
    (void)level;
    (void)name;
    (void)value;
    (void)size;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_set_raw_option(apm__os_socket socket, int level, int name, const void *value, size_t size)
{
    (void)socket;
    (void)level;
    (void)name;
    (void)value;
    (void)size;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_dont_fragment(apm__os_socket socket, bool *dont_fragment)
{
    (void)socket;
    (void)dont_fragment;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_set_dont_fragment(apm__os_socket socket, bool dont_fragment)
{
    (void)socket;
    (void)dont_fragment;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_at_mark(apm__os_socket socket, bool *at_mark)
{
    (void)socket;
    (void)at_mark;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_set_membership(apm__os_socket socket, const apm__os_membership *membership, bool member)
{
    (void)socket;
    (void)membership;
    (void)member;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_multicast_option(apm__os_socket socket, apm_address_family family,
                                          apm__os_multicast_option option, int *value)
{
    (void)socket;
    (void)family;
    (void)option;
    (void)value;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_set_multicast_option(apm__os_socket socket, apm_address_family family,
                                              apm__os_multicast_option option, int value)
{
    (void)socket;
    (void)family;
    (void)option;
    (void)value;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_socket_set_multicast_address(apm__os_socket socket, apm_ip_address local)
{
    (void)socket;
    (void)local;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_file_open(const char *path, int mode, int access, apm__os_file *file, bool *seekable)
{
    (void)path;
    (void)mode;
    (void)access;
    (void)file;
    (void)seekable;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_file_read(apm__os_file file, bool seekable, int64_t offset, void *buffer, size_t size, size_t *read)
{
    (void)file;
    (void)seekable;
    (void)offset;
    (void)buffer;
    (void)size;
    (void)read;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_file_write(apm__os_file file, bool seekable, int64_t offset, const void *buffer, size_t size)
{
    (void)file;
    (void)seekable;
    (void)offset;
    (void)buffer;
    (void)size;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_file_set_length(apm__os_file file, int64_t length)
{
    (void)file;
    (void)length;
    return apm__os_translate(EOPNOTSUPP);
}

apm_error apm__os_code_page_characters(unsigned code_page, uint16_t *characters)
{
    (void)code_page;
    (void)characters;
    return APM_ERROR_NOT_SUPPORTED;
}
