using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>
/// The cluster's folder and account: the project's data folder, or one of the system's where PostgreSQL cannot use
/// that.
/// </summary>
internal sealed partial class PostgresPlace(string folder, UnprivilegedAccount? account)
{
    public const string DataName = "data";
    public const string PasswordName = "password";
    public const string Superuser = "postgres";

    /// <summary>The parent of the clusters whose data folder is not suitable.</summary>
    private static string Root { get; } =
        UnprivilegedAccount.IsNeeded
            ? "/var/lib/exact"
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "exact");

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
        // A folder with data comes first, so that a change of permissions does not make the data disappear.
        var elsewhere = Path.Combine(Root, Fingerprint(dataFolder));
        foreach (var folder in new[] { dataFolder, elsewhere })
        {
            var home = new PostgresPlace(folder, account: null).Home;
            if (Directory.Exists(home))
            {
                LogWhere(logger, dataFolder, folder);
                return new PostgresPlace(
                    folder,
                    UnprivilegedAccount.IsNeeded
                        ? await UnprivilegedAccount.OwnerOfAsync(home, cancellationToken)
                        : null
                );
            }
        }

        var account = UnprivilegedAccount.IsNeeded ? UnprivilegedAccount.Choose() : null;
        if (await IsSuitableAsync(dataFolder, account, cancellationToken))
        {
            return new PostgresPlace(dataFolder, account);
        }

        PrivateFiles.CreateFolder(elsewhere);
        LogWhere(logger, dataFolder, elsewhere);
        return new PostgresPlace(elsewhere, account);
    }

    /// <summary>
    /// Whether the account can reach the folder, and its file system keeps owners and modes, which PostgreSQL checks.
    /// </summary>
    private static async Task<bool> IsSuitableAsync(
        string folder,
        UnprivilegedAccount? account,
        CancellationToken cancellationToken
    ) =>
        (account is null || await account.CanReachAsync(folder, cancellationToken))
        && PrivateFiles.KeepsModes(folder)
        && (account is null || await account.CanOwnAsync(folder, cancellationToken));

    private static void LogWhere(ILogger logger, string dataFolder, string folder)
    {
        if (folder != dataFolder)
        {
            LogElsewhere(logger, folder, dataFolder);
        }
    }

    private static string Fingerprint(string path) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..16];

    [LoggerMessage(
        2102,
        LogLevel.Information,
        "The embedded PostgreSQL keeps its data in {Folder}, because the account that runs it cannot own a private folder in {DataFolder}"
    )]
    private static partial void LogElsewhere(ILogger logger, string folder, string dataFolder);
}
