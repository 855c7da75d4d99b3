using System.Globalization;
using Exact.Api.Access;
using Exact.Api.AdminConsole;
using Exact.Api.Transfers;
using Exact.Infrastructure;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using Exact.Infrastructure.Migrating;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Api.Commands;

/// <summary>What the doctor has found.</summary>
/// <param name="About">What was examined, in a word.</param>
/// <param name="Detail">What was found, and what to do about it.</param>
internal sealed record Finding(Health Health, string About, string Detail);

/// <summary>How well something is.</summary>
internal enum Health
{
    Ok,

    /// <summary>The service runs, but somebody should know.</summary>
    Warning,

    /// <summary>The service does not run so, or not well.</summary>
    Wrong,
}

/// <summary>Examines the settings of this process, and its database.</summary>
internal sealed class Doctor(IServiceProvider services)
{
    /// <summary>The oldest PostgreSQL that still gets corrections.</summary>
    private const int OldestPostgres = 14;

    private const long LowDisk = 1L << 30;

    /// <summary>Leases and sessions are compared with the clock of either machine.</summary>
    private static readonly TimeSpan Drift = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async Task<IReadOnlyList<Finding>> ExamineAsync(CancellationToken cancellationToken)
    {
        var findings = new List<Finding> { ExamineSettings(), ExamineKey() };
        findings.AddRange(FindFolders().Select(one => ExamineFolder(one.Setting, one.Path)));
        findings.AddRange(ExamineDisks());
        try
        {
            var database = services.GetRequiredService<NpgsqlDataSource>();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Patience);
            await using var connection = await database.OpenConnectionAsync(limit.Token);
            findings.Add(ExamineServer(connection.PostgreSqlVersion));
            findings.Add(await ExamineClockAsync(connection, limit.Token));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            var cause = e is OperationCanceledException ? $"no answer within {Show.Span(Patience)}." : e.Cause();
            findings.Add(new(Health.Wrong, "database", $"{cause} Check ConnectionStrings__Exact and the server."));
            return findings;
        }

        findings.AddRange(await ExamineSchemaAsync(cancellationToken));
        findings.Add(await ExamineRightsAsync(cancellationToken));
        if (Backups is { } backups)
        {
            findings.Add(await ExamineVerificationAsync(cancellationToken));
            if (BackupFolder.IsBucket(backups))
            {
                findings.Add(await ExamineBucketAsync(backups, cancellationToken));
            }
        }

        return findings;
    }

    private Finding ExamineSettings()
    {
        try
        {
            services.GetService<IStartupValidator>()?.Validate();
            return new(Health.Ok, "settings", "every setting has a value that it accepts.");
        }
        catch (Exception e)
        {
            return new(Health.Wrong, "settings", e.Cause());
        }
    }

    private Finding ExamineKey()
    {
        try
        {
            return
                services.GetRequiredService<IOptionsMonitor<AdminKeyOptions>>().Get(AdminKeyHandler.Scheme).Key is null
                ? new(
                    Health.Warning,
                    "key",
                    "there is no admin key, so only staff can use /api/admin. Set Admin__KeyFile, for a file made with: "
                        + "openssl rand -hex 32"
                )
                : new(Health.Ok, "key", "there is an admin key.");
        }
        catch (Exception e)
        {
            return new(Health.Wrong, "key", e.Cause());
        }
    }

    private IEnumerable<(string Setting, string Path)> FindFolders()
    {
        yield return (
            "Transfers:SpoolFolder",
            services.GetRequiredService<IOptions<TransferOptions>>().Value.SpoolFolder
        );
        if (services.GetRequiredService<IOptions<FileStoreOptions>>().Value.Folder is { Length: > 0 } files)
        {
            yield return ("Files:Folder", files);
        }

        if (Backups is { } backups && !BackupFolder.IsBucket(backups))
        {
            yield return ("Backups:Folder", backups);
        }
    }

    /// <summary>Not of the options, which refuse a folder that does not exist.</summary>
    private string? Backups =>
        services.GetRequiredService<IConfiguration>()["Backups:Folder"] is { Length: > 0 } folder ? folder : null;

    /// <summary>Writes a file, because rights are not all that can be in the way.</summary>
    internal static Finding ExamineFolder(string setting, string path)
    {
        var probe = Path.Combine(path, $".exact-doctor-{Guid.NewGuid():N}");
        try
        {
            using (File.Create(probe, 1, FileOptions.DeleteOnClose))
            {
                return new(Health.Ok, "folder", $"{setting} ({path}) can be written.");
            }
        }
        catch (DirectoryNotFoundException)
        {
            return new(
                Health.Wrong,
                "folder",
                $"{setting} ({path}) does not exist. Create it, or correct the setting."
            );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new(
                Health.Wrong,
                "folder",
                $"{setting} ({path}) cannot be written by {Environment.UserName}: {e.Message.TrimEnd('.')}. "
                    + "Give the folder to this account, or correct the setting."
            );
        }
    }

    private IEnumerable<Finding> ExamineDisks() =>
        from folder in FindFolders()
        where Directory.Exists(folder.Path)
        let free = new DriveInfo(Path.GetFullPath(folder.Path)).AvailableFreeSpace
        select ExamineDisk(folder.Setting, free);

    internal static Finding ExamineDisk(string setting, long free) =>
        free < LowDisk
            ? new(Health.Warning, "disk", $"{Show.Bytes(free)} are free for {setting}. Make room, or use another disk.")
            : new(Health.Ok, "disk", $"{Show.Bytes(free)} are free for {setting}.");

    internal static Finding ExamineServer(Version version) =>
        version.Major < OldestPostgres
            ? new(
                Health.Warning,
                "database",
                $"PostgreSQL {version} gets no corrections any more. Upgrade to {OldestPostgres} or newer."
            )
            : new(Health.Ok, "database", $"PostgreSQL {version} answers.");

    private static async Task<Finding> ExamineClockAsync(
        NpgsqlConnection connection,
        CancellationToken cancellationToken
    )
    {
        var before = DateTimeOffset.UtcNow;
        await using var command = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        var there = (DateTime)(await command.ExecuteScalarAsync(cancellationToken))!;
        var here = before + (DateTimeOffset.UtcNow - before) / 2;
        return ExamineClock(there - here);
    }

    internal static Finding ExamineClock(TimeSpan difference)
    {
        var seconds = difference.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
        return difference.Duration() > Drift
            ? new(
                Health.Warning,
                "clock",
                $"the clock of PostgreSQL differs from this one by {seconds} s. Synchronize both with NTP."
            )
            : new(Health.Ok, "clock", $"the clock of PostgreSQL differs from this one by {seconds} s.");
    }

    private async Task<IReadOnlyList<Finding>> ExamineSchemaAsync(CancellationToken cancellationToken)
    {
        var status = await services
            .GetRequiredService<MigrationStatusReader>()
            .ReadAsync(MigrationStatusReader.InFull, cancellationToken);
        var health = status.State switch
        {
            MigrationState.Current or MigrationState.Migrating => Health.Ok,
            MigrationState.Pending or MigrationState.Ahead => Health.Warning,
            _ => Health.Wrong,
        };
        return
        [
            new(health, "schema", status.Detail),
            .. status.Warnings.Select(warning => new Finding(Health.Warning, "schema", warning)),
            new(
                Health.Ok,
                "version",
                $"this is Exact {status.Version}; "
                    + (
                        status.Applied is [.., var last]
                            ? $"the last migration was applied by {last.AppliedBy}."
                            : "no migration is applied yet."
                    )
            ),
        ];
    }

    /// <summary>What the application's role and the migrator's role lack.</summary>
    private async Task<Finding> ExamineRightsAsync(CancellationToken cancellationToken)
    {
        try
        {
            var look = await services.GetRequiredService<ReadinessCheck>().LookAsync(cancellationToken);
            var connections = services.GetRequiredService<MigratorConnection>();
            await using var connection = await connections.OpenAsync(cancellationToken);
            var lacking = await MigratorRights.FindObstacleAsync(
                connection,
                [.. CompiledSchema.Current.Tables],
                cancellationToken
            );
            return look.Phase is SchemaPhase.Refused ? new(Health.Wrong, "rights", look.Detail)
                : lacking is not null ? new(Health.Warning, "rights", lacking)
                : new(Health.Ok, "rights", "the role can use Exact's tables, and migrate them.");
        }
        catch (NpgsqlException e)
        {
            return new(Health.Wrong, "rights", e.Cause());
        }
    }

    /// <summary>Each backup is restored into a database of its own.</summary>
    private async Task<Finding> ExamineVerificationAsync(CancellationToken cancellationToken)
    {
        try
        {
            var connections = services.GetRequiredService<MigratorConnection>();
            await using var connection = await connections.OpenAsync(cancellationToken);
            await using var command = new NpgsqlCommand(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user",
                connection
            );
            return await command.ExecuteScalarAsync(cancellationToken) is true
                ? new(Health.Ok, "rights", "the role can create the database in which a backup is verified.")
                : new(Health.Wrong, "rights", $"no backup can be verified. {ScratchDatabase.Lacking(connections)}");
        }
        catch (NpgsqlException e)
        {
            return new(Health.Wrong, "rights", e.Cause());
        }
    }

    private async Task<Finding> ExamineBucketAsync(string bucket, CancellationToken cancellationToken)
    {
        try
        {
            var folder = services.GetRequiredService<BackupService>().OpenFolder(bucket);
            var backups = await folder.ListAsync(cancellationToken);
            return new(Health.Ok, "folder", $"Backups:Folder ({bucket}) has {Show.Count(backups.Count, "backup")}.");
        }
        catch (Exception e) when (e is IOException or SettingException)
        {
            return new(Health.Wrong, "folder", e.Cause());
        }
    }
}
