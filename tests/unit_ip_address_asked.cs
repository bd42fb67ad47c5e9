#:property PublishAot=false
// Asks .NET what it makes of odd texts, and writes the answers as tests/unit_ip_address_asked.h:
//
//     unshare -n dotnet run tests/unit_ip_address_asked.cs > tests/unit_ip_address_asked.h
//
// The texts are mutations of those below by a generator with a fixed seed, so that the same program asks the same. It
// runs in a network of its own, in which the only interface is "lo", whose index is 1 on every Linux.

using System.Net;
using System.Text;

string[] seeds =
{
    "127.0.0.1", "1.2.3.4", "10.0.0.0/8", "192.168.1.1:80", "0x7f.0.0.1", "0177.0.0.01", "1.2.3", "65535.1", "16909060",
    "0xffffffff", "255.255.255.255", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "fe80::1%3", "fe80::1%lo", "fe80::1%lo/64",
    "[::1]", "[::1]:80", "[fe80::1%3]:443", "[1::2]/64", "::ffff:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4",
    "64:ff9b::192.0.2.33", "2001:db8::/32", "2001:db8:0:0:1:0:0:1", "ff02::1%7", "::ffff:0:1.2.3.4", "fec0::1:2",
    "fe80::5efe:1.2.3.4", "1.2.3.4/32", "0.0.0.0/0", "::/0", "fe80::1:2%3/64", "10.1.2.3/20", "[::ffff:1.2.3.4]:8080",
    "2002:102:304::1", "::ffff:7f00:1", "0:0:0:0:0:0:0:0", "1:0:0:2:0:0:0:3", "%1", "0x1.0x2.0x3.0x4:5",
};
const string alphabet = "00112345679abcfFxX...:::%[]//+- gl";
const int columns = 118;
const int accepted_limit = 250;
const int refused_limit = 110;

ulong state = 1;
int Random(int below)
{
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    return (int)((state >> 33) % (ulong)below);
}

string Mutate(string text)
{
    var result = new StringBuilder(text);
    for (int edits = Random(3); edits >= 0; edits--)
    {
        int at = Random(result.Length + 1);
        switch (Random(4))
        {
            case 0: result.Insert(at, alphabet[Random(alphabet.Length)]); break;
            case 1: if (at < result.Length) result[at] = alphabet[Random(alphabet.Length)]; break;
            case 2: if (at < result.Length) result.Remove(at, 1); break;
            case 3:
                int length = Random(Math.Min(6, result.Length - at + 1));
                result.Insert(Random(result.Length + 1), result.ToString(at, length));
                break;
        }
    }
    return result.ToString();
}

string Quoted(object? answer) => answer == null ? "NULL" : $"\"{answer}\"";

Console.WriteLine("""
/*
 * Owns further answers of .NET 10.0 (Linux) about texts of addresses, endpoints and networks; data only. Written by
 * tests/unit_ip_address_asked.cs.
 */
#ifndef UNIT_IP_ADDRESS_ASKED_H
#define UNIT_IP_ADDRESS_ASKED_H

/* A text, and what IPAddress, IPEndPoint and IPNetwork write when they have read it; NULL: they refuse it. */
typedef struct asked_text {
    const char *text;
    const char *address;
    const char *endpoint;
    const char *network;
} asked_text;

/* clang-format off */
static const asked_text asked_texts[] = {
""");
var asked = new HashSet<string>();
int accepted = 0;
int refused = 0;
for (int round = 0; round < 100000 && (accepted < accepted_limit || refused < refused_limit); round++)
{
    string seed = seeds[round % seeds.Length];
    string text = round < seeds.Length ? seed : Mutate(seed);
    if (!asked.Add(text))
        continue;
    IPAddress? address = IPAddress.TryParse(text, out var readAddress) ? readAddress : null;
    IPEndPoint? endpoint = IPEndPoint.TryParse(text, out var readEndpoint) ? readEndpoint : null;
    IPNetwork? network = IPNetwork.TryParse(text, out var readNetwork) ? readNetwork : null;
    string row = $"    {{\"{text}\", {Quoted(address)}, {Quoted(endpoint)}, {Quoted(network)}}},";
    bool taken = address != null || endpoint != null || network != null;
    if (row.Length > columns || (taken ? accepted >= accepted_limit : refused >= refused_limit))
        continue;
    if (taken)
        accepted++;
    else
        refused++;
    Console.WriteLine(row);
}
Console.WriteLine("""
};
/* clang-format on */

#endif
""");
