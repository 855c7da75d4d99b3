using System.ComponentModel;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>The account that runs the server if the current one is root, which PostgreSQL rejects.</summary>
internal sealed record UnprivilegedAccount(string Name)
{
    private const string AccountsFile = "/etc/passwd";

    /// <summary>Whether the server needs another account; on Windows pg_ctl drops the privileges itself.</summary>
    public static bool IsNeeded => !OperatingSystem.IsWindows() && Environment.IsPrivilegedProcess;

    /// <summary>Chooses the account for a new cluster: PostgreSQL's own, or else one with few rights.</summary>
    public static UnprivilegedAccount Choose()
    {
        var known = File.ReadLines(AccountsFile).Select(line => line.Split(':')[0]).ToHashSet();
        string[] preferred = ["postgres", "_postgres", "nobody", "daemon"];
        return preferred.FirstOrDefault(known.Contains) is { } name
            ? new UnprivilegedAccount(name)
            : throw new EmbeddedPostgresException(
                $"""
                PostgreSQL does not run as root, and {AccountsFile} has no account to run it (looked for: {string.Join(
                    ", ",
                    preferred
                )}).
                Run Exact as an ordinary user, or create an account: useradd --system postgres
                """
            );
    }

    /// <summary>Finds the owner of an existing cluster, the only account that can run it.</summary>
    public static async Task<UnprivilegedAccount> OwnerOfAsync(string folder, CancellationToken cancellationToken)
    {
        string[] arguments = OperatingSystem.IsMacOS() ? ["-f", "%Su", folder] : ["-c", "%U", folder];
        var answer = await RunAsRootAsync("stat", arguments, cancellationToken);
        return answer.Output is not ("root" or "UNKNOWN")
            ? new UnprivilegedAccount(answer.Output)
            : throw new EmbeddedPostgresException(
                $"The embedded PostgreSQL in {folder} belongs to {answer.Output}, which cannot run a server. "
                    + "Return the folder to its previous account (chown -R), or delete it to start with a new database."
            );
    }

    /// <summary>Whether the account can access this folder, unlike, for example, one under /root.</summary>
    public async Task<bool> CanReachAsync(string folder, CancellationToken cancellationToken)
    {
        try
        {
            // Starting a program in the folder tests the access.
            return (await CommandLineTool.RunAsync("true", [], folder, Name, cancellationToken)).Succeeded;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    /// <summary>
    /// Whether a folder in this one can be given to the account, which a mapped file system may ignore.
    /// </summary>
    public async Task<bool> CanOwnAsync(string folder, CancellationToken cancellationToken)
    {
        var probe = Path.Combine(folder, $"probe-{Guid.NewGuid():N}");
        PrivateFiles.CreateClosedFolder(probe);
        try
        {
            await TakeOverAsync(probe, cancellationToken);
            return await OwnerOfAsync(probe, cancellationToken) == this;
        }
        catch (EmbeddedPostgresException)
        {
            return false; // chown is not permitted, or the owner is still root
        }
        finally
        {
            Directory.Delete(probe);
        }
    }

    public async Task TakeOverAsync(string folder, CancellationToken cancellationToken) =>
        await RunAsRootAsync("chown", ["-R", Name, folder], cancellationToken);

    private static async Task<CommandOutcome> RunAsRootAsync(
        string program,
        string[] arguments,
        CancellationToken cancellationToken
    )
    {
        var outcome = await CommandLineTool.RunAsync(program, arguments, "/", account: null, cancellationToken);
        return outcome.Succeeded
            ? outcome
            : throw new EmbeddedPostgresException($"{program} {string.Join(' ', arguments)} failed: {outcome.Output}");
    }
}
