using System.Collections;
using Exact.Infrastructure.Database.Embedded;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Exact.Api.Http;

/// <summary>Notes the addresses that the service listens on, for the <c>health</c> command beside it.</summary>
/// <remarks>
/// The environment, which both share, does not tell every address: <c>--urls</c> and appsettings.json do, too. Each
/// process has a file of its own, which it deletes at its end, in a folder that only its account can write to: others
/// share the temporary folder, and must not send <c>health</c> elsewhere.
/// </remarks>
internal sealed class ListeningAddresses(IServer server) : IHostedLifecycleService
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly string[] Prefixes = ["ASPNETCORE_", "DOTNET_", ""];

    private readonly string file = Path.Combine(Folder, $"{Environment.ProcessId}");

    /// <summary>Root's folder is where only root can create one: root may enter any account's folder.</summary>
    internal static string Folder { get; } =
        Environment.IsPrivilegedProcess && Directory.Exists("/run")
            ? "/run/exact-listens"
            : Path.Combine(Path.GetTempPath(), $"exact-listens-{Environment.UserName}");

    private static string EnvironmentOfThis => string.Join(' ', Configured());

    /// <summary>Where each service of this account listens that has the environment of this process.</summary>
    public static IEnumerable<string[]> Noted()
    {
        var passOverForeign = new EnumerationOptions { IgnoreInaccessible = true };
        foreach (var noted in IsOwn(Folder) ? Directory.EnumerateFiles(Folder, "*", passOverForeign) : [])
        {
            if (TryRead(noted) is [var environment, .. var addresses] && environment == EnvironmentOfThis)
            {
                yield return addresses;
            }
        }
    }

    /// <summary>The addresses in the environment, in Kestrel's own order of precedence.</summary>
    public static IEnumerable<string> Configured()
    {
        var endpoints =
            from DictionaryEntry variable in Environment.GetEnvironmentVariables()
            let name = (string)variable.Key
            where
                name.StartsWith("Kestrel__Endpoints__", StringComparison.OrdinalIgnoreCase)
                && name.EndsWith("__Url", StringComparison.OrdinalIgnoreCase)
            orderby name
            select (string)variable.Value!;
        return endpoints
            .Concat(Values("URLS"))
            .Concat(Values("HTTP_PORTS").Select(port => $"http://localhost:{port}"))
            .Concat(Values("HTTPS_PORTS").Select(port => $"https://localhost:{port}"));
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (server.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses)
            {
                PrivateFiles.CreateClosedFolder(Folder);
                if (IsOwn(Folder))
                {
                    File.Delete(file); // of a process that was killed, and had the same number
                    PrivateFiles.Write(file, string.Join('\n', [EnvironmentOfThis, .. addresses]));
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // without the file, health asks where the environment says
        }

        return Task.CompletedTask;
    }

    public Task StoppedAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (IsOwn(Folder))
            {
                File.Delete(file);
                Directory.Delete(Folder);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // another service has its file there
        }

        return Task.CompletedTask;
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Whether no other account can have written there: who is let in by this mode is the owner.</summary>
    internal static bool IsOwn(string folder) =>
        new DirectoryInfo(folder) is { Exists: true, LinkTarget: null } found
        && (OperatingSystem.IsWindows() || found.UnixFileMode == OwnerOnly);

    private static string[] TryRead(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return []; // its service has just ended
        }
    }

    private static IEnumerable<string> Values(string name) =>
        Prefixes
            .Select(prefix => Environment.GetEnvironmentVariable(prefix + name))
            .FirstOrDefault(value => value is { Length: > 0 })
            ?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        ?? [];
}
