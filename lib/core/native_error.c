/*
 * The public view of the system's last error code. Any thread.
 */
#include "apm/error.h"
#include "os.h"

int32_t apm_native_error_code(void)
{
    return apm__os_native_error();
}
