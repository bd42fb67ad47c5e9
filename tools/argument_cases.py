"""Which arguments the tests of tools/argument_tests.py try, and what has to come out of each."""

import collections
import os
import re

from argument_rules import Documentation, range_of
from public_headers import FOLDER, read, read_headers

# Where no function is meant.
NO_FUNCTION = collections.namedtuple("NoFunction", "name")("")

# Good arguments that neither the name nor the type tells: (function, parameter) or (parameter) or (type) -> expression.
# A function may stand for all whose name begins so.
GOOD = {
    ("apm_ip_address_from_bytes", "size"): "4",
    ("apm_ip_address_scope_id", "address"): "apm_ip_address_ipv6_loopback()",
    ("apm_ip_address_set_scope_id", "address"): "arguments_address_to_change(apm_ip_address_ipv6_loopback())",
    ("apm_ip_address_set_address", "address"): "arguments_address_to_change(apm_ip_address_loopback())",
    ("apm_ip_network_", "text"): '"127.0.0.0/8"',
    ("apm_ip_network_", "length"): "11",
    ("apm_socket_address_create_size", "size"): "16",
    ("apm_unix_domain_socket_endpoint_from_bytes", "size"): "16",
    ("apm_socket_bind", "local"): "loopback_endpoint(0)",
    ("apm_tcp_client_create_endpoint", "local"): "loopback_endpoint(0)",
    ("apm_tcp_listener_create_endpoint", "local"): "loopback_endpoint(0)",
    ("apm_tcp_listener_create", "port"): "0",
    ("apm_file_stream_create", "path"): '"/dev/null"',
    ("apm_file_stream_create", "mode"): "APM_FILE_MODE_OPEN",
    ("apm_stream_create", "context"): "arguments_stream_context()",
    ("apm_stream_complete", "operation"): "arguments_begun_operation()",
    ("apm_barrier_create", "participant_count"): "1",
    ("apm_socket_begin_send_file", "file_name"): '"/etc/passwd"',
    ("apm_socket_send_file", "file_name"): '"/etc/passwd"',
    ("apm_x509_certificate_create", "certificate"): "arguments_certificate()",
    ("apm_x509_certificate_create", "certificate_size"): "arguments_certificate_size()",
    ("apm_x509_certificate_create", "key"): "NULL",
    ("apm_x509_certificate_create", "password"): "NULL",
    ("apm_x509_certificate_create_file", "certificate_file"): '"/etc/passwd"',
    ("apm_x509_certificate_create_file", "key_file"): "NULL",
    ("apm_ssl_stream_", "stream"): "arguments_ssl_stream()",
    ("apm_ssl_stream_authenticate_as_server", "context"): "good_apm_ssl_context(1)",
    ("apm_ssl_stream_begin_authenticate_as_server", "context"): "good_apm_ssl_context(1)",
    "index": "0",
    ("apm_socket_set_multicast_", "interface_index"): "1",
    ("apm_socket_drop_source_membership", "option"): "arguments_group(4)",
    ("apm_socket_add_source_membership", "option"): "arguments_group(4)",
    ("apm_udp_client_join_multicast_group", "group"): 'address_of("239.1.2.3")',
    ("apm_udp_client_drop_multicast_group", "group"): 'address_of("239.1.2.3")',
    ("apm_udp_client_join_multicast_group_interface", "group"): 'address_of("ff15::7:7")',
    ("apm_udp_client_drop_multicast_group_interface", "group"): 'address_of("ff15::7:7")',
    ("apm_udp_client_create_port_family", "family"): "APM_ADDRESS_FAMILY_INTER_NETWORK_V6",
    ("apm_udp_client_create_endpoint", "local"): "loopback_endpoint(0)",
    ("apm_udp_client_create_port", "port"): "0",
    ("apm_udp_client_create_socket", "socket"): "arguments_socket(ARGUMENTS_STATE_DATAGRAMS)",
    ("apm_socket_create_from_handle", "handle"): "arguments_descriptor_of_a_socket()",
    ("apm_socket_activation_", "index"): "arguments_activated_index()",
    ("apm_socket_hand_over", "over"): "arguments_socket(ARGUMENTS_STATE_UNIX)",
    ("apm_socket_take_over", "over"): "arguments_unix_socket(true)",
    ("apm_socket_get_socket_option_linger", "option_name"): "APM_SOCKET_OPTION_NAME_LINGER",
    ("apm_socket_set_socket_option_linger", "option_name"): "APM_SOCKET_OPTION_NAME_LINGER",
    ("apm_socket_set_socket_option_linger", "option_value"): "(apm_linger_option){true, 1}",
    ("apm_socket_set_socket_option_bytes", "option_size"): "sizeof(int)",
    ("apm_socket_get_raw_socket_option", "option_name"): "2",
    ("apm_socket_set_raw_socket_option", "option_name"): "2",
    ("apm_socket_set_raw_socket_option", "option_size"): "sizeof(int)",
    ("apm_socket_io_control", "io_control_code"): "APM_IO_CONTROL_CODE_DATA_TO_READ",
    ("apm_socket_io_control", "option_out_size"): "sizeof(int)",
    ("apm_socket_select", "check_read"): "arguments_sockets()",
    ("apm_socket_select", "check_read_count"): "arguments_socket_count()",
    ("apm_socket_select", "check_write"): "arguments_sockets()",
    ("apm_socket_select", "check_write_count"): "arguments_socket_count()",
    ("apm_socket_select", "check_error"): "arguments_sockets()",
    ("apm_socket_select", "check_error_count"): "arguments_socket_count()",
    ("apm_socket_begin_send_train_to", "socket"): "arguments_socket(ARGUMENTS_STATE_DATAGRAMS)",
    ("apm_socket_send_train_to", "socket"): "arguments_socket(ARGUMENTS_STATE_DATAGRAMS)",
    ("apm_socket_begin_receive_train_from", "socket"): "arguments_socket(ARGUMENTS_STATE_DATAGRAMS)",
    ("apm_socket_begin_receive_train_from", "buffer"): "arguments_train()",
    ("apm_socket_begin_receive_train_from", "size"): "APM_DATAGRAM_TRAIN_SIZE",
    ("apm_socket_receive_train_from", "socket"): "arguments_socket(ARGUMENTS_STATE_DATAGRAMS)",
    ("apm_socket_receive_train_from", "buffer"): "arguments_train()",
    ("apm_socket_receive_train_from", "size"): "APM_DATAGRAM_TRAIN_SIZE",
    "timeout_ms": "5",
    "due_time_ms": "1000000",
    "period_ms": "-1",
    "port": "arguments_port()",
    "size": "ARGUMENTS_GOOD_SIZE",
    "count": "1",
    "delay_ms": "APM_CONNECT_ATTEMPT_DELAY_MS",
    "how": "APM_SOCKET_SHUTDOWN_BOTH",
    "scope_id": "0",
    "initial_state": "true",
    "initially_owned": "true",
    "maximum_count": "2",
    "min_threads": "0",
    "max_threads": "0",
    "descriptor": "arguments_file()",
    "linger_state": "(apm_linger_option){true, 1}",
    "apm_address_family": "APM_ADDRESS_FAMILY_INTER_NETWORK",
    "apm_socket_type": "APM_SOCKET_TYPE_STREAM",
    "apm_protocol_type": "APM_PROTOCOL_TYPE_TCP",
    "apm_socket_option_level": "APM_SOCKET_OPTION_LEVEL_SOCKET",
    "apm_socket_option_name": "APM_SOCKET_OPTION_NAME_KEEP_ALIVE",
    "apm_multicast_option": "arguments_group(3)",
    "apm_file_access": "APM_FILE_ACCESS_READ_WRITE",
    "apm_endpoint": "arguments_endpoint()",
    "apm_dns_endpoint": '(apm_dns_endpoint){"127.0.0.1", arguments_port(), APM_ADDRESS_FAMILY_UNSPECIFIED}',
    "apm_ip_address": "apm_ip_address_loopback()",
    "apm_array_segment": "(apm_array_segment){memory, ARGUMENTS_GOOD_SIZE}",
    "apm_socket_address": "arguments_socket_address()",
    "const apm_stream_methods *": "arguments_stream_methods()",
    "const apm_ssl_client_authentication_options *": "arguments_client_options()",
    "const apm_ssl_server_authentication_options *": "arguments_server_options()",
    "const char *": '"127.0.0.1"',
    "int": "1",
    "int32_t": "1",
    "int64_t": "1",
    "uint32_t": "1",
    "uint64_t": "1",
    "uint16_t": "1",
    "size_t": "1",
    "bool": "false",
    "apm_error": "APM_ERROR_SUCCESS",
    "apm_thread_pool_work_item *": "good_work_item()",
}

# Handles whose maker, where another handle is made of it, is not the plainest.
NESTED = {"apm_tcp_client": "apm_tcp_client_create_host"}

# What is done with a handle in half of the ways to make it, so that more can be done with it.
READY = {"apm_tcp_listener": "arguments_start_listener", "apm_udp_client": "arguments_prepare_udp_client"}

# What a value that is garbage still has to have: a pointer cannot be made sure of.
SOUND = {"apm_dns_endpoint": '{p}.host = "\\xff\\xfe%\\x01";'}

# Handles for which H2 does not hold as it stands: (function or "", type, parameter or "", case) -> outcome, and why.
HANDLES = {
    ("", "apm_thread_pool", "", "null"): ("ALLOWED", "the null handle is the default pool"),
    ("apm_thread_pool_destroy", "apm_thread_pool", "", "null"): ("APM_ERROR_ARGUMENT_NULL", "it cannot be destroyed"),
    ("apm_registered_wait_handle_unregister", "apm_wait_handle", "", "null"): ("SUCCESS", "no event is wanted"),
    ("apm_socket_close_and_wait", "apm_socket", "", "stale"): ("SUCCESS", "it may follow a close"),
    ("apm_socket_close_timeout", "apm_socket", "", "stale"): ("SUCCESS", "closing again succeeds"),
    ("apm_socket_begin_accept_socket", "apm_socket", "accept_socket", "null"): ("ALLOWED", "a socket is made then"),
    ("apm_network_stream_close", "apm_stream", "", "stale"): ("SUCCESS", "closing again succeeds"),
    ("apm_ssl_stream_begin_authenticate_as_client", "apm_ssl_context", "", "null"): ("ALLOWED", "the default context"),
    ("apm_ssl_stream_authenticate_as_client", "apm_ssl_context", "", "null"): ("ALLOWED", "the default context"),
    ("apm_async_result_is_completed", "apm_async_result", "", ""): ("TRUE", "nothing is left to wait for"),
}

# Functions that are not called, and why.
NOT_CALLED = {
    "apm_socket_duplicate_handle": "the descriptor is the caller's to close; tests/contract_descriptor.c has it",
    "apm_socket_release_handle": "the descriptor is the caller's to close; tests/contract_descriptor.c has it",
}

INTEGERS = {
    "int": ("INT_MIN", "INT_MAX"),
    "int32_t": ("INT32_MIN", "INT32_MAX"),
    "int64_t": ("INT64_MIN", "INT64_MAX"),
    "size_t": ("0", "SIZE_MAX"),
    "uint16_t": ("0", "UINT16_MAX"),
    "uint32_t": ("0", "UINT32_MAX"),
    "uint64_t": ("0", "UINT64_MAX"),
}

# Handles that a socket is no foreign one for.
SOCKETS = ("apm_socket",)

# The names of functions whose last parameter is a handle that they make.
MAKER = re.compile(r"_create|_get_stream|_register_")

PASSED_ON = ("state", "argument", "context")


class Cases:
    """What is tried of each function, and what has to come out."""

    def __init__(self, root):
        self.headers = read_headers(root)
        self.documentation = Documentation(self.headers)
        self.functions = self.headers.functions
        self.handles = self.headers.handles
        code = "".join(read(os.path.join(root, FOLDER, h)) for h in sorted(self.headers.head))
        code = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
        # Function types: name -> (result, parameters). All that is no enum and no handle either is a struct.
        types = re.findall(r"typedef ([\w ]+?[ *]+)(apm_\w+)\(([^()]*)\);", code)
        self.callbacks = {name: (result.strip(), parameters) for result, name, parameters in types}
        self.enums = set(re.findall(r"\benum \w* ?\{[^{}]*\} ?(apm_\w+);", code))
        self.makers = {handle: self.makers_of(handle) for handle in self.handles}

    # -- What belongs to a handle's type -----------------------------------------------------------------------------

    def makers_of(self, handle):
        """The functions that make a handle of the type, the plainest first."""
        found = [
            f
            for f in self.functions.values()
            if f.parameters and f.parameters[-1][0] == handle + " *" and MAKER.search(f.name)
        ]
        return sorted(found, key=lambda f: (f.name != handle + "_create", len(f.name)))

    def closer_of(self, handle):
        for verb, rest in (("_close", ""), ("_destroy", ", -1"), ("_unregister", ", no_event")):
            if handle + verb in self.functions:
                return handle + verb, rest
        return None, ""

    def is_made(self, handle):
        return bool(self.makers[handle]) and handle not in ("apm_socket", "apm_async_result", "apm_wait_handle")

    # -- Good arguments ----------------------------------------------------------------------------------------------

    def good(self, function, kind, name, nested=False):
        """The expression of a good argument, or None if there is to be room for an answer."""
        if re.search(r"_free(_|$)", function.name):
            return "NULL"
        of_function = [f for f, n in (k for k in GOOD if isinstance(k, tuple)) if n == name]
        of_function = [f for f in of_function if function.name.startswith(f)]
        if of_function:
            return GOOD[(max(of_function, key=len), name)]
        if kind == "apm_socket":
            if nested:
                return "arguments_socket(ARGUMENTS_STATE_CONNECTED)"
            return "arguments_socket((enum arguments_state)(way % ARGUMENTS_STATE_COUNT))"
        if kind == "apm_async_result":
            return "arguments_pending_result()"
        if kind == "apm_wait_handle":
            return "good_wait_handle()"
        if kind in self.handles:
            # The default pool is as good as any, and need not be made.
            if kind == "apm_thread_pool" and function.name != "apm_thread_pool_destroy":
                return "(apm_thread_pool)APM_NULL_HANDLE"
            return f"good_{kind}({self.nested_way(kind) if nested else 'way'})"
        for key in (name, kind):
            # What a name tells is about values, not about where an answer goes.
            if key in GOOD and not (key == name and kind.endswith("*")):
                return GOOD[key]
        if kind == "void *" and name in PASSED_ON:
            return "NULL"
        if kind.rstrip(" *") in self.callbacks and kind.endswith("*"):
            return "stub_" + kind.rstrip(" *")
        if kind in self.enums:
            return f"({kind})0"
        if re.fullmatch(r"(const )?(void|char|uint8_t) \*", kind):
            return "memory"
        if kind.startswith("const ") and kind.endswith(" *"):
            return "good_array_" + kind.removeprefix("const ").rstrip(" *")
        return None if kind.endswith("*") else f"({kind}){{0}}"

    def nested_way(self, handle):
        names = [maker.name for maker in self.makers[handle]]
        return names.index(NESTED[handle]) if handle in NESTED else 0

    def ways(self, handle):
        """In how many ways a handle can be made."""
        return len(self.makers[handle]) * (2 if handle in READY else 1)

    def stored(self, kind):
        """The type of the room for an answer that a parameter points to."""
        return kind.removesuffix("*").strip()

    # -- What is wrong with arguments --------------------------------------------------------------------------------

    def handle_variants(self, function, kind, name):
        if function.name.startswith(kind + "_") and re.search(r"_(close|unregister)$", function.name):
            stale = "SUCCESS" if function.name.endswith("_close") else "APM_ERROR_OBJECT_DISPOSED"
        elif kind == "apm_async_result":
            stale = "APM_ERROR_INVALID_OPERATION"
        else:
            stale = "APM_ERROR_OBJECT_DISPOSED"
        foreign = "arguments_bits_of_a_barrier()" if kind in SOCKETS else "arguments_bits_of_a_socket()"
        ended = "arguments_ended_result().bits" if kind == "apm_async_result" else f"stale_{kind}()"
        cases = [
            ("null", "0", "APM_ERROR_ARGUMENT_NULL"),
            ("random", "arguments_random_bits()", "APM_ERROR_ARGUMENT"),
            ("random", "arguments_random_bits() >> 8", "APM_ERROR_ARGUMENT"),
            ("random", "arguments_random_bits() >> 40", "APM_ERROR_ARGUMENT"),
            ("stale", ended, stale),
            ("foreign", foreign, "APM_ERROR_ARGUMENT"),
        ]
        for case, bits, expected in cases:
            for key in ((function.name, kind, n, c) for n in (name, "") for c in (case, "")):
                if key in HANDLES:
                    expected = HANDLES[key][0]
            if ("", kind, "", case) in HANDLES and (function.name, kind, "", case) not in HANDLES:
                expected = HANDLES[("", kind, "", case)][0]
            if function.result == "bool" and expected != "TRUE":
                expected = "FALSE"
            yield f"`{name}` is a {case} handle", f"{{p}}.bits = {bits};", expected

    def end_variants(self, function, name):
        """What is wrong with the result that is handed to an End."""
        yield from (
            ("`result` is the null handle", "{p}.bits = 0;", "APM_ERROR_ARGUMENT_NULL"),
            ("`result` has random bits", "{p}.bits = arguments_random_bits();", "APM_ERROR_ARGUMENT"),
            ("`result` has been ended", "(void){call}(); {close}();", "APM_ERROR_INVALID_OPERATION"),
            ("`result` is a socket", "{p}.bits = arguments_bits_of_a_socket();", "APM_ERROR_ARGUMENT"),
            ("`result` is that of another operation", "{p} = arguments_pending_result();", "APM_ERROR_ARGUMENT"),
        )

    def number_variants(self, function, kind, name):
        smallest, largest = INTEGERS[kind]
        low, high = range_of(self.documentation.condition(function, "APM_ERROR_ARGUMENT_OUT_OF_RANGE"), name)
        if name.endswith("_ms") and low is None and not kind.startswith("u"):
            low = "-1"
        exact = "APM_ERROR_ARGUMENT_OUT_OF_RANGE"
        if low is not None and smallest != "0":
            yield f"`{name}` is below {low}", f"{{p}} = {low} - 1;", exact
            yield f"`{name}` is the smallest", f"{{p}} = {smallest};", exact
            if name != "timeout_ms":
                yield f"`{name}` is {low}", f"{{p}} = {low};", "NEVER " + exact
        elif smallest != "0":
            yield f"`{name}` is -1", "{p} = -1;", "ALLOWED"
            yield f"`{name}` is the smallest", f"{{p}} = {smallest};", "ALLOWED"
        if high is not None:
            yield f"`{name}` is above {high}", f"{{p}} = ({kind}){high} + 1;", exact
            yield f"`{name}` is the largest", f"{{p}} = {largest};", exact
        elif name == "timeout_ms":
            pass  # there is time for a wait that ends
        elif self.is_length_of_text(function, name):
            pass  # a text that is shorter than it is said to be cannot be noticed
        elif not (name == "count" and any("const" in k for k, _ in function.parameters)):
            yield f"`{name}` is the largest", f"{{p}} = {largest};", "ALLOWED"
        else:
            yield f"`{name}` is many", "{p} = ARGUMENTS_ARRAY_SIZE;", "ALLOWED"
        yield f"`{name}` is 0", "{p} = 0;", "ALLOWED"

    def pointer_variants(self, function, kind, name):
        if name == "callback" and kind == "apm_async_callback *":
            yield "`callback` is NULL", "{p} = NULL;", "SUCCESS"
            yield "`callback` and `result` are NULL", "{p} = NULL; {a}->result = NULL;", "APM_ERROR_ARGUMENT_NULL"
            return
        if name == "result" and kind == "apm_async_result *":
            yield "`result` is NULL", "{p} = NULL;", "SUCCESS"
            return
        if kind == "void *" and name in PASSED_ON:
            return
        expected = {True: "ALLOWED", False: "APM_ERROR_ARGUMENT_NULL", None: "REFUSED"}
        yield f"`{name}` is NULL", "{p} = NULL;", expected[self.documentation.may_be_null(function, name)]
        if kind == "const char *":
            texts = (("empty", '""'), ("long", "long_text()"), ("no text", '"\\xff\\xfe%\\x01"'))
            has_length = ("size_t", "length") in function.parameters
            for what, text in texts:
                length = " {a}->length = strlen({p});" if has_length else ""
                yield f"`{name}` is {what}", f"{{p}} = {text};{length}", "ALLOWED"

    def is_length_of_text(self, function, name):
        return name == "length" and ("const char *", "text") in function.parameters

    def variants(self, function):
        """Gives what is changed, how, and what is expected; those about handles first."""
        handles = []
        others = []
        for kind, name in function.parameters:
            if self.begin_of(function) and kind == "apm_async_result":
                found = handles, self.end_variants(function, name)
            elif self.begin_of(function) and kind in self.handles:
                found = handles, [v for v in self.handle_variants(function, kind, name) if "stale" not in v[0]]
            elif kind in self.handles:
                found = handles, self.handle_variants(function, kind, name)
            elif kind in INTEGERS:
                found = others, self.number_variants(function, kind, name)
            elif kind.endswith("*"):
                found = others, self.pointer_variants(function, kind, name)
            elif kind in self.enums:
                values = ("-2", "77", "INT_MAX")
                found = others, [(f"`{name}` is {v}", f"{{p}} = ({kind}){v};", "ALLOWED") for v in values]
            elif kind != "bool":
                garbage = "memset(&{p}, 0xee, sizeof {p}); " + SOUND.get(kind, "")
                found = others, [
                    (f"`{name}` is all zero", "memset(&{p}, 0, sizeof {p});", "ALLOWED"),
                    (f"`{name}` is garbage", garbage, "ALLOWED"),
                ]
            else:
                found = others, [(f"`{name}` is true", "{p} = true;", "ALLOWED")]
            found[0].extend(found[1])
        return handles, others

    # -- Begin and End -----------------------------------------------------------------------------------------------

    def begin_of(self, function):
        """The plainest Begin whose operations the function ends, or None."""
        if "_end_" not in function.name or not any(k == "apm_async_result" for k, _ in function.parameters):
            return None
        stem = function.name.replace("_end_", "_begin_", 1)
        found = [f for n, f in self.functions.items() if n == stem or n.startswith(stem + "_")]
        return min(found, key=lambda f: len(f.name)) if found else None

    def end_of(self, function):
        """The End of a Begin: the one with the longest name that the Begin's name begins with."""
        if "_begin_" not in function.name or not any(k == "apm_async_result *" for k, _ in function.parameters):
            return None
        stem = function.name.replace("_begin_", "_end_", 1)
        found = [f for n, f in self.functions.items() if "_end_" in n and (stem == n or stem.startswith(n + "_"))]
        return max(found, key=lambda f: len(f.name)) if found else None
