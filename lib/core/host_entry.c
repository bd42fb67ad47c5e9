/*
 * Host entries: one block each, which holds the entry, its addresses and its name. Any thread.
 */
#include <string.h>

#include "apm/dns.h"
#include "os.h"
#include "resolver.h"

apm_host_entry *apm__host_entry_create(const char *host_name, const apm_ip_address *addresses, size_t count)
{
    struct block {
        apm_host_entry entry;
        apm_ip_address addresses[];
    };
    size_t addresses_size = count * sizeof *addresses;
    size_t name_size = strlen(host_name) + 1;
    struct block *block = apm__os_allocate(sizeof *block + addresses_size + name_size);
    if (!block)
        return NULL;
    char *name = (char *)block->addresses + addresses_size;
    if (count > 0)
        memcpy(block->addresses, addresses, addresses_size);
    memcpy(name, host_name, name_size);
    block->entry = (apm_host_entry){.host_name = name, .address_list = block->addresses, .address_count = count};
    return &block->entry;
}

void apm_host_entry_free(apm_host_entry *entry)
{
    apm__os_free(entry); /* the entry is the first thing in its block */
}
