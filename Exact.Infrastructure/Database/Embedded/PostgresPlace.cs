using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// The cluster's folder and account: the project's data folder, or one under /var/lib if root's replacement account
/// cannot reach that.
/// </summary>
internal sealed partial class PostgresPlace(string folder, UnprivilegedAccount? account)
{
    public const string DataName = "data";
    public const string PasswordName = "password";
    public const string Superuser = "postgres";

    public string Folder => folder;

    /// <summary>The account that runs the server; null for the current one.</summary>
    public UnprivilegedAccount? Account => account;

    /// <summary>The folder of the cluster, its password and its log.</summary>
    public string Home => Path.Combine(folder, "postgres");

    public string Data => Path.Combine(Home, DataName);

    public string PasswordFile => Path.Combine(Home, PasswordName);

    /// <summary>An incomplete cluster; it is renamed when it is complete.</summary>
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

        // A folder with data comes first, so that a change of permissions does not make the data disappear.
        var elsewhere = Path.Combine("/var/lib/exact", Fingerprint(dataFolder));
        foreach (var folder in new[] { dataFolder, elsewhere })
        {
            var home = new PostgresPlace(folder, account: null).Home;
            if (Directory.Exists(home))
            {
                return Log(new PostgresPlace(folder, await UnprivilegedAccount.OwnerOfAsync(home, cancellationToken)));
            }
        }

        var account = UnprivilegedAccount.Choose();
        if (await account.CanReachAsync(dataFolder, cancellationToken))
        {
            return new PostgresPlace(dataFolder, account);
        }

        PrivateFiles.CreateFolder(elsewhere);
        return Log(new PostgresPlace(elsewhere, account));

        PostgresPlace Log(PostgresPlace place)
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
        2102,
        LogLevel.Information,
        "The embedded PostgreSQL keeps its data in {Folder}: it cannot run as root, and its account {Account} has no access to {DataFolder}"
    )]
    private static partial void LogElsewhere(ILogger logger, string folder, string dataFolder, string account);
}
