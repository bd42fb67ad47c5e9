"""The machine, the system, and the versions of all that the report of bench/compare compares.

Not a program. What cannot be found out is left out, or said to be unknown.
"""

import json
import os
import platform
import re
import shutil
import subprocess

LIBRARIES = {"libuv": "libuv", "libevent": "libevent", "liburing": "liburing", "GLib": "gio-2.0", "mbedTLS": "mbedtls",
             "OpenSSL": "openssl"}


def output_of(*command):
    """What a program prints, or nothing if it is not there or fails."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


def find_in(path, pattern):
    """The first group of the pattern's first match in a file, or nothing."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            match = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return ""
    return match.group(1).strip() if match else ""


def boost_version():
    digits = find_in("/usr/include/boost/version.hpp", r"^#define BOOST_VERSION (\d+)")
    return f"{int(digits) // 100000}.{int(digits) // 100 % 1000}.{int(digits) % 100}" if digits else ""


def mbedtls_version():
    return output_of("pkg-config", "--modversion", "mbedtls") or find_in(
        "/usr/include/mbedtls/version.h", r'MBEDTLS_VERSION_STRING\s+"([^"]+)"') or find_in(
        "/usr/include/mbedtls/build_info.h", r'MBEDTLS_VERSION_STRING\s+"([^"]+)"')


def build_facts(build):
    """What meson knows of the build: version, kind, compiler."""
    facts = []
    folder = os.path.join(build, "meson-info")
    try:
        with open(os.path.join(folder, "intro-projectinfo.json"), encoding="utf-8") as file:
            facts.append(["apm", json.load(file)["version"]])
        with open(os.path.join(folder, "intro-buildoptions.json"), encoding="utf-8") as file:
            options = {option["name"]: option["value"] for option in json.load(file)}
        facts.append(["build", f"{options.get('buildtype')}, debug checks {options.get('debug_checks')}"])
        with open(os.path.join(folder, "intro-compilers.json"), encoding="utf-8") as file:
            facts.append(["compiler", json.load(file)["host"]["c"]["full_version"]])
    except (OSError, KeyError, ValueError):
        facts.append(["compiler", output_of("cc", "--version").partition("\n")[0] or "unknown"])
    return facts


def describe(build):
    """Pairs of a name and a text."""
    memory = find_in("/proc/meminfo", r"^MemTotal: +(\d+)")
    hypervisor = "hypervisor" in find_in("/proc/cpuinfo", r"^flags\s*: (.*)").split()
    revision = output_of("git", "-C", os.path.dirname(os.path.abspath(__file__)), "rev-parse", "--short", "HEAD")
    facts = [
        ["processor", find_in("/proc/cpuinfo", r"^model name\s*: (.*)") or platform.machine()],
        ["processors", f"{os.cpu_count()}" + (", of a virtual machine" if hypervisor else "")],
        ["memory", f"{int(memory) / 2**20:.1f} GiB" if memory else "unknown"],
        ["kernel", f"{platform.system()} {platform.release()}"],
        ["system", find_in("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)') or "unknown"],
        ["revision", revision or "unknown"],
        *build_facts(build),
        ["Boost.Asio", boost_version()],
        [".NET", ", ".join(re.findall(r"Microsoft\.NETCore\.App (\S+)", output_of("dotnet", "--list-runtimes")))],
    ]
    for name, package in LIBRARIES.items():
        version = mbedtls_version() if name == "mbedTLS" else output_of("pkg-config", "--modversion", package)
        facts.append([name, version])
    return [[name, value] for name, value in facts if value]
