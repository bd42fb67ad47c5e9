#!/usr/bin/env python3
"""Runs the tests of the installed tools: tools_test.py folder_of_the_programs [part_of_a_name]

Prints a line `ok name`, `FAIL name: why` or `skip name: why` for each test, and ends with status 1 if one failed.
"""

import sys

import tools_case

if __name__ == "__main__":
    tools_case.FOLDER = sys.argv[1]
    # Each registers its tests.
    import echo_test  # noqa: F401, pylint: disable=unused-import
    import http_test  # noqa: F401, pylint: disable=unused-import
    import load_tool_test  # noqa: F401, pylint: disable=unused-import
    import peers_test  # noqa: F401, pylint: disable=unused-import
    import tls_test  # noqa: F401, pylint: disable=unused-import

    sys.exit(tools_case.run_tests(tools_case.TESTS, *sys.argv[2:3]))
