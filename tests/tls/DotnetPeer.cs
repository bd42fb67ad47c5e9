// One end of a connection for tests/tls_interop_test.py: .NET's SslStream, with the options and the words of
// interop_peer.c, of which it has those below.
//
//     client PORT HOST [option...]    connects to this machine, writes and reads at the same time
//     server [option...]              says its port, and echoes what comes, one connection after another
//
//     -a FILE   the authorities that are trusted           -v 12|13  that version only
//     -c FILE   one's own certificate                      -p NAME   a protocol for ALPN; may be repeated
//     -k FILE   its key                                    -m        a server: clients have to show a certificate
//     -n COUNT  a client: that many connections, one after another
//     -w BYTES  a client: writes so many of the pattern    -r BYTES  a client: and at the same time reads as many
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

static class DotnetPeer
{
    const int BlockSize = 65536;

    static readonly X509ChainPolicy Trust = new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        RevocationMode = X509RevocationMode.NoCheck
    };

    static readonly List<SslApplicationProtocol> Protocols = [];
    static SslProtocols version = SslProtocols.None;
    static string certificate = "";
    static string key = "";
    static bool isMutual;
    static int count = 1;
    static long toWrite;
    static long toRead;

    static byte At(long i) => (byte)(i * 7 + i / 251);

    static void Say(SslStream stream) => Console.WriteLine(
        $"ok version={(stream.SslProtocol == SslProtocols.Tls13 ? "13" : "12")} suite={stream.NegotiatedCipherSuite} " +
        $"alpn={stream.NegotiatedApplicationProtocol} host={stream.TargetHostName} " +
        $"mutual={(stream.IsMutuallyAuthenticated ? 1 : 0)} peer={stream.RemoteCertificate?.Subject}");

    static X509Certificate2? Own() =>
        certificate == "" ? null : X509Certificate2.CreateFromPemFile(certificate, key);

    static async Task Write(SslStream stream)
    {
        byte[] block = new byte[BlockSize];

        for (long done = 0; done < toWrite;)
        {
            int size = (int)Math.Min(BlockSize, toWrite - done);

            for (int i = 0; i < size; i++)
                block[i] = At(done + i);
            await stream.WriteAsync(block.AsMemory(0, size));
            done += size;
        }
    }

    static async Task Read(SslStream stream)
    {
        byte[] block = new byte[BlockSize];

        for (long done = 0; done < toRead;)
        {
            int size = await stream.ReadAsync(block.AsMemory(0, (int)Math.Min(BlockSize, toRead - done)));

            if (size == 0)
                throw new IOException($"the end after {done} bytes");
            for (int i = 0; i < size; i++)
                if (block[i] != At(done + i))
                    throw new IOException($"another byte after {done + i}");
            done += size;
        }
    }

    static async Task BeClient(int port, string host)
    {
        X509Certificate2? own = Own();
        SslClientAuthenticationOptions options = new()
        {
            TargetHost = host,
            EnabledSslProtocols = version,
            ApplicationProtocols = Protocols.Count > 0 ? Protocols : null,
            CertificateChainPolicy = Trust,
            ClientCertificateContext = own == null ? null : SslStreamCertificateContext.Create(own, null, true)
        };

        for (int i = 0; i < count; i++)
        {
            using TcpClient client = new("127.0.0.1", port);
            using SslStream stream = new(client.GetStream());

            await stream.AuthenticateAsClientAsync(options);
            Say(stream);
            await Task.WhenAll(Write(stream), Read(stream));
            await stream.ShutdownAsync();
            if (await stream.ReadAsync(new byte[1]) != 0)
                throw new IOException("something behind the end");
            Console.WriteLine("done");
        }
    }

    static async Task Echo(SslStream stream)
    {
        byte[] block = new byte[BlockSize];
        int size;

        while ((size = await stream.ReadAsync(block)) > 0)
            await stream.WriteAsync(block.AsMemory(0, size));
        await stream.ShutdownAsync();
    }

    static async Task BeServer()
    {
        TcpListener listener = new(IPAddress.Loopback, 0);
        SslServerAuthenticationOptions options = new()
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(Own()!, null, true),
            EnabledSslProtocols = version,
            ApplicationProtocols = Protocols.Count > 0 ? Protocols : null,
            ClientCertificateRequired = isMutual,
            CertificateChainPolicy = isMutual ? Trust : null
        };

        listener.Start();
        Console.WriteLine($"Listening on port {((IPEndPoint)listener.LocalEndpoint).Port}");
        while (true)
        {
            using TcpClient client = await listener.AcceptTcpClientAsync();
            using SslStream stream = new(client.GetStream());

            try
            {
                await stream.AuthenticateAsServerAsync(options);
                Say(stream);
                await Echo(stream);
            }
            catch (Exception problem) when (problem is IOException or AuthenticationException)
            {
                Console.WriteLine($"error {problem.GetType().Name}: {problem.Message}");
            }
        }
    }

    static void ReadOptions(string[] arguments, int at)
    {
        for (; at < arguments.Length; at++)
        {
            switch (arguments[at])
            {
                case "-a": Trust.CustomTrustStore.ImportFromPemFile(arguments[++at]); break;
                case "-c": certificate = arguments[++at]; break;
                case "-k": key = arguments[++at]; break;
                case "-v": version = arguments[++at] == "13" ? SslProtocols.Tls13 : SslProtocols.Tls12; break;
                case "-p": Protocols.Add(new SslApplicationProtocol(arguments[++at])); break;
                case "-m": isMutual = true; break;
                case "-n": count = int.Parse(arguments[++at]); break;
                case "-w": toWrite = long.Parse(arguments[++at]); break;
                case "-r": toRead = long.Parse(arguments[++at]); break;
                default: throw new ArgumentException(arguments[at]);
            }
        }
    }

    static async Task<int> Main(string[] arguments)
    {
        bool isServer = arguments[0] == "server";

        ReadOptions(arguments, isServer ? 1 : 3);
        try
        {
            await (isServer ? BeServer() : BeClient(int.Parse(arguments[1]), arguments[2]));
            return 0;
        }
        catch (Exception problem) when (problem is IOException or AuthenticationException)
        {
            Console.WriteLine($"error {problem.GetType().Name}: {problem.Message}");
            return 1;
        }
    }
}
