// .NET's TLS echo server: SslStream with async and await, as one would write it today. TLS 1.2 only, as its peers.
// usage: tls_dotnet port workers certificate key (files in PEM)

using System;
using System.IO;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Threading;
using System.Threading.Tasks;

namespace Apm.Bench;

internal static class TlsEchoServer
{
    private const int BufferBytes = 16384;

    private static async Task Serve(Socket socket, SslServerAuthenticationOptions options)
    {
        using var stream = new SslStream(new NetworkStream(socket, ownsSocket: true), leaveInnerStreamOpen: false);
        var buffer = new byte[BufferBytes];
        try
        {
            await stream.AuthenticateAsServerAsync(options);
            int size;
            while ((size = await stream.ReadAsync(buffer)) > 0)
                await stream.WriteAsync(buffer.AsMemory(0, size));
            await stream.ShutdownAsync();
        }
        catch (Exception error) when (error is IOException or AuthenticationException)
        {
        }
    }

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments.Length != 4)
        {
            Console.Error.WriteLine("usage: tls_dotnet port workers certificate key");
            return 2;
        }
        ThreadPool.SetMinThreads(int.Parse(arguments[1]), 1);
        X509Certificate2 certificate = X509Certificate2.CreateFromPemFile(arguments[2], arguments[3]);
        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, null, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12,
            AllowTlsResume = true,
        };
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, int.Parse(arguments[0])));
        listener.Listen(4096);
        Console.WriteLine($"listening on 127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}");
        while (true)
        {
            Socket socket = await listener.AcceptAsync();
            socket.NoDelay = true;
            _ = Serve(socket, options);
        }
    }
}
