using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// Where the cluster lies and which account runs it. That is in the project's data folder, unless we are root and the account that has to
/// run the server instead of us does not get there; then it is under /var/lib.
/// </summary>
internal sealed partial class PostgresPlace(string folder, UnprivilegedAccount? account)
{
    public string Folder => folder;

    /// <summary>The account to run under instead of our own.</summary>
    public UnprivilegedAccount? Account => account;

    /// <summary>The cluster, with its password and its log.</summary>
    public string Home => Path.Combine(folder, "postgres");

    /// <summary>A cluster in the making; it gets its true name when it is whole.</summary>
    public string Draft => Path.Combine(folder, "postgres.new");

    public string Downloads => Path.Combine(folder, "binaries");

    public static async Task<PostgresPlace> ChooseAsync(
        string dataFolder,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        if (!UnprivilegedAccount.IsNeeded)
        {
            return new PostgresPlace(dataFolder, account: null);
        }

        // Where the data already is goes before everything else: nobody's data may vanish because a folder's mode was changed.
        var elsewhere = Path.Combine("/var/lib/exact", Fingerprint(dataFolder));
        foreach (var folder in new[] { dataFolder, elsewhere })
        {
            var home = new PostgresPlace(folder, account: null).Home;
            if (Directory.Exists(home))
            {
                return Say(new PostgresPlace(folder, await UnprivilegedAccount.OwnerOfAsync(home, cancellationToken)));
            }
        }

        var account = UnprivilegedAccount.Choose();
        if (await account.CanReachAsync(dataFolder, cancellationToken))
        {
            return new PostgresPlace(dataFolder, account);
        }

        PrivateFiles.CreateFolder(elsewhere);
        return Say(new PostgresPlace(elsewhere, account));

        PostgresPlace Say(PostgresPlace place)
        {
            if (place.Folder == elsewhere)
            {
                LogElsewhere(logger, elsewhere, dataFolder, place.Account!.Name);
            }

            return place;
        }
    }

    private static string Fingerprint(string path) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..16];

    [LoggerMessage(
        LogLevel.Information,
        "The embedded PostgreSQL keeps its data in {Folder}: we are root, it must not be, and its account {Account} cannot reach {DataFolder}."
    )]
    private static partial void LogElsewhere(ILogger logger, string folder, string dataFolder, string account);
}
