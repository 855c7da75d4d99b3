using System.Diagnostics.Metrics;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Backups;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using static Exact.Tests.Support.ExactServices;

namespace Exact.Tests.Backups;

/// <summary>Complete backups in a folder: verified, on a schedule, once for all replicas.</summary>
public sealed class BackupTests : IClassFixture<MigratedDatabase>, IAsyncLifetime
{
    private const string Scratch = @"SELECT count(*) FROM pg_database WHERE datname LIKE 'exact\_scratch\_%'";

    private readonly string folder = Directory.CreateTempSubdirectory("exact-backups-").FullName;
    private readonly string files = Directory.CreateTempSubdirectory("exact-files-").FullName;
    private readonly FakeTimeProvider time = new(DateTimeOffset.Parse("2026-03-04T01:00:00Z"));
    private readonly MigratedDatabase database;
    private readonly ServiceProvider services;

    public BackupTests(MigratedDatabase database)
    {
        this.database = database;
        services = NewReplica();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private BackupService Service => services.GetRequiredService<BackupService>();

    private BackupSchedule Schedule => services.GetRequiredService<BackupSchedule>();

    public async ValueTask InitializeAsync()
    {
        await database.ExecuteAsync(
            """
            TRUNCATE challenges, stored_files, operations RESTART IDENTITY CASCADE;
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, mlmodel)
            VALUES ('c1', 'One', '', '2026-01-01Z', 'ada', 'aa/aa01');
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('aa/aa01', 'm.pkl', 'text/plain', 5, encode(sha256('model'), 'hex'), '2026-01-01Z', 'ada');
            INSERT INTO operations (kind, actor, origin, started_at, finished_at, state)
            VALUES ('migration', 'startup', 'exact', '2026-01-01Z', '2026-01-01Z', 'succeeded')
            """
        );
        Directory.CreateDirectory(Path.Combine(files, "aa"));
        await File.WriteAllTextAsync(Path.Combine(files, "aa", "aa01"), "model", Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync();
        Directory.Delete(files, recursive: true);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_backup_is_restored_into_a_scratch_database_and_says_so()
    {
        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);

        Assert.Equal((true, null, 2, 1), (backup.Verified, backup.Error, backup.Records, backup.Files));
        Assert.Equal("exact-20260304T010000Z-2.tar.gz", backup.Name);
        Assert.Equivalent(backup, Assert.Single(await Service.Folder!.ListAsync(Cancellation)), strict: true);
        Assert.Equal(new FileInfo(Path.Combine(folder, backup.Name)).Length, backup.Bytes);
        Assert.Equal(0, await database.ScalarAsync<long>(Scratch));
        Assert.Equal(
            "backup ada succeeded true",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', kind, actor, state, figures->>'verified') FROM operations WHERE id = 2"
            )
        );
    }

    [Fact]
    public async Task An_archive_whose_manifest_is_not_true_or_that_was_cut_off_is_not_verified()
    {
        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        var archive = await UnpackAsync(backup.Name);
        var whole = await VerifyAsync(archive);
        var lying = Encoding.Latin1.GetBytes(
            Encoding.Latin1.GetString(archive).Replace("\"api.challenge\": 1", "\"api.challenge\": 2")
        );

        Assert.Null(whole);
        Assert.Contains("2 records of api.challenge, of which 1 were restored", await VerifyAsync(lying));
        Assert.Contains("Its structure cannot be read", await VerifyAsync(archive[..^4096]));
        Assert.Contains("has no manifest", await VerifyAsync("[]"u8.ToArray()));
        Assert.Equal(0, await database.ScalarAsync<long>(Scratch));
    }

    [Fact]
    public async Task A_slot_is_backed_up_once_however_many_replicas_there_are()
    {
        time.Advance(TimeSpan.FromHours(1));
        await using var other = NewReplica();
        await using var third = NewReplica();
        BackupSchedule[] replicas =
        [
            Schedule,
            other.GetRequiredService<BackupSchedule>(),
            third.GetRequiredService<BackupSchedule>(),
        ];

        var ran = await Task.WhenAll(replicas.Select(replica => replica.RunIfDueAsync(Cancellation)));
        var again = await Task.WhenAll(replicas.Select(replica => replica.RunIfDueAsync(Cancellation)));

        Assert.Single(ran, did => did);
        Assert.DoesNotContain(again, did => did);
        Assert.Single(await Service.Folder!.ListAsync(Cancellation));
    }

    [Fact]
    public async Task A_missed_slot_is_made_up_and_the_next_one_comes_at_its_time()
    {
        Assert.True(await Schedule.RunIfDueAsync(Cancellation)); // that of yesterday
        Assert.False(await Schedule.RunIfDueAsync(Cancellation));
        Assert.Equal(DateTimeOffset.Parse("2026-03-04T02:00:00Z"), Schedule.Next);

        time.Advance(TimeSpan.FromMinutes(59));
        Assert.False(await Schedule.RunIfDueAsync(Cancellation));
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.True(await Schedule.RunIfDueAsync(Cancellation));

        Assert.Equal(
            2,
            await database.ScalarAsync<long>(
                "SELECT count(*) FROM operations WHERE kind = 'backup' AND state = 'succeeded'"
            )
        );
    }

    [Fact]
    public async Task A_database_that_is_younger_than_the_slot_has_missed_nothing()
    {
        await database.ExecuteAsync("UPDATE operations SET started_at = '2026-03-04T00:59:00Z'");

        Assert.False(await Schedule.RunIfDueAsync(Cancellation));

        time.Advance(TimeSpan.FromHours(1));
        Assert.True(await Schedule.RunIfDueAsync(Cancellation));
    }

    [Fact]
    public async Task A_backup_whose_process_was_killed_is_made_by_another()
    {
        await database.ExecuteAsync(
            """
            INSERT INTO operations (kind, actor, origin, started_at, state)
            VALUES ('backup', 'schedule', 'killed', '2026-03-04T00:58:00Z', 'running')
            """
        );

        Assert.False(await Schedule.RunIfDueAsync(Cancellation)); // it has only just begun
        time.Advance(TimeSpan.FromMinutes(4));
        Assert.True(await Schedule.RunIfDueAsync(Cancellation));
    }

    [Fact]
    public async Task A_failure_is_told_to_the_webhook_and_the_status_until_a_backup_succeeds()
    {
        var (hook, address) = Listen();
        using var listening = hook;
        await using var replica = NewReplica(new() { ["Backups:Webhook"] = address });
        var failures = 0L;
        using var meters = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "exact.operations.ended")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        meters.SetMeasurementEventCallback<long>(
            (_, value, tags, _) => failures += tags.ToArray() is [{ Value: "backup" }, { Value: "failed" }] ? value : 0
        );
        meters.Start();
        var (schedule, history) = (
            replica.GetRequiredService<BackupSchedule>(),
            replica.GetRequiredService<BackupHistory>()
        );
        await database.ExecuteAsync("ALTER TABLE stored_files RENAME TO hidden");
        try
        {
            var running = schedule.RunIfDueAsync(Cancellation);
            var news = await ToldAsync(hook);

            Assert.True(await running);
            Assert.Equal("backup_failed", news.GetProperty("event").GetString());
            Assert.Contains("stored_files", news.GetProperty("error").GetString());
            Assert.EndsWith(
                $": a backup failed. {news.GetProperty("error").GetString()}",
                news.GetProperty("text").GetString()
            );
            Assert.True(failures > 0); // other tests may count at the same time
        }
        finally
        {
            await database.ExecuteAsync("ALTER TABLE hidden RENAME TO stored_files");
        }

        var failed = await history.ReadAsync(Cancellation);
        Assert.Equal((null, time.GetUtcNow()), (failed.LastSuccess, failed.FailedSince));
        Assert.Contains("stored_files", failed.Error);
        Assert.Empty(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories));

        Assert.False(await schedule.RunIfDueAsync(Cancellation)); // not at once
        time.Advance(BackupHistory.Pause);
        Assert.True(await schedule.RunIfDueAsync(Cancellation));
        var record = await history.ReadAsync(Cancellation);
        Assert.Equal(time.GetUtcNow(), record.LastSuccess);
        Assert.Null(record.FailedSince);
        Assert.Null(record.Error);
    }

    [Fact]
    public async Task A_failing_slot_is_given_up_after_three_attempts()
    {
        await database.ExecuteAsync("ALTER TABLE stored_files RENAME TO hidden");
        try
        {
            for (var attempt = 1; attempt <= 3; attempt++)
            {
                Assert.True(await Schedule.RunIfDueAsync(Cancellation));
                time.Advance(BackupHistory.Pause);
            }

            Assert.False(await Schedule.RunIfDueAsync(Cancellation));
        }
        finally
        {
            await database.ExecuteAsync("ALTER TABLE hidden RENAME TO stored_files");
        }
    }

    [Fact]
    public async Task Expired_backups_are_deleted_with_their_descriptions()
    {
        await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        time.Advance(TimeSpan.FromHours(2));

        Assert.True(await Schedule.RunIfDueAsync(Cancellation));

        var left = Assert.Single(await Service.Folder!.ListAsync(Cancellation));
        Assert.Equal(time.GetUtcNow(), left.TakenAt);
        Assert.Equal(2, Directory.EnumerateFiles(folder).Count());
    }

    [Fact]
    public async Task A_file_that_is_missing_already_is_named_and_the_backup_is_verified_without_it()
    {
        File.Delete(Path.Combine(files, "aa", "aa01"));

        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);

        Assert.True(backup.Verified, backup.Error);
        Assert.Equal(["aa/aa01"], backup.Damaged);
    }

    [Fact]
    public async Task A_role_that_cannot_create_a_scratch_database_makes_a_backup_that_is_not_verified()
    {
        await using var role = await TestRole.CreateAsync();
        await using var replica = NewReplica(
            new() { ["ConnectionStrings:ExactMigrator"] = role.ConnectionString(database.Name) }
        );

        var backup = await replica.GetRequiredService<BackupService>().TakeAsync(Service.Folder!, "ada", Cancellation);

        Assert.False(backup.Verified);
        Assert.Contains("CREATEDB", backup.Error);
        Assert.False(Assert.Single(await Service.Folder!.ListAsync(Cancellation)).Verified);
    }

    [Fact]
    public async Task A_verification_that_cannot_be_tried_fails_and_leaves_a_good_backup_verified()
    {
        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        await using var role = await TestRole.CreateAsync();
        await using var replica = NewReplica(
            new() { ["ConnectionStrings:ExactMigrator"] = role.ConnectionString(database.Name) }
        );

        var refusal = await Assert.ThrowsAsync<ScratchDatabaseException>(() =>
            replica
                .GetRequiredService<BackupService>()
                .VerifyAsync(Service.Folder!, backup, "ada", _ => { }, Cancellation)
        );

        Assert.Contains("CREATEDB", refusal.Message);
        Assert.Equivalent(backup, Assert.Single(await Service.Folder!.ListAsync(Cancellation)), strict: true);
        Assert.Equal(
            "verification failed t",
            await database.ScalarAsync<string>(
                "SELECT concat_ws(' ', kind, state, error LIKE '%CREATEDB%') FROM operations ORDER BY id DESC LIMIT 1"
            )
        );

        await File.WriteAllBytesAsync(Path.Combine(folder, backup.Name), new byte[backup.Bytes], Cancellation);
        var damaged = await Service.VerifyAsync(Service.Folder!, backup, "ada", _ => { }, Cancellation);
        Assert.False(damaged.Verified);
        Assert.False(Assert.Single(await Service.Folder!.ListAsync(Cancellation)).Verified);
    }

    [Fact]
    public async Task A_backup_whose_server_goes_away_meanwhile_is_there_and_not_yet_verified()
    {
        await using var replica = NewReplica(new() { ["ConnectionStrings:ExactMigrator"] = Nowhere });

        var failure = await Assert.ThrowsAnyAsync<Exception>(() =>
            replica.GetRequiredService<BackupService>().TakeAsync(Service.Folder!, "ada", Cancellation)
        );

        Assert.True(PostgresErrors.IsServerAway(failure), $"{failure}");
        var backup = Assert.Single(await Service.Folder!.ListAsync(Cancellation));
        Assert.Equal((false, "It has not been verified yet.", 2), (backup.Verified, backup.Error, backup.Records));
    }

    [Fact]
    public async Task The_webhook_is_told_once_that_the_database_is_away()
    {
        var (hook, address) = Listen();
        using var listening = hook;
        await using var replica = ServicesOf(
            Nowhere,
            new()
            {
                ["Backups:Folder"] = folder,
                ["Backups:Schedule"] = "0 2 * * *",
                ["Backups:Webhook"] = address,
            },
            time
        );
        var schedule = replica.GetRequiredService<BackupSchedule>();

        var looking = schedule.LookAsync(Cancellation);
        var news = await ToldAsync(hook);
        await looking;
        var more = hook.GetContextAsync();
        await schedule.LookAsync(Cancellation); // it would wait for an answer

        Assert.Equal("2026-03-03T02:00:00+00:00", news.GetProperty("slot").GetString());
        Assert.StartsWith("It cannot be told whether a backup is due: ", news.GetProperty("error").GetString());
        Assert.Equal(JsonValueKind.Null, news.GetProperty("last_success").ValueKind);
        Assert.False(more.IsCompleted);
    }

    [Fact]
    public async Task The_webhook_is_told_once_of_a_backup_whose_process_was_killed()
    {
        var (hook, address) = Listen();
        using var listening = hook;
        await using var replica = NewReplica(new() { ["Backups:Webhook"] = address });
        await using var other = NewReplica(new() { ["Backups:Webhook"] = address });
        await database.ExecuteAsync(
            """
            INSERT INTO operations (kind, actor, origin, started_at, state)
            VALUES ('backup', 'schedule', 'killed', '2026-03-04T00:59:00Z', 'running')
            """
        );

        var running = replica.GetRequiredService<BackupSchedule>().RunIfDueAsync(Cancellation);
        var news = await ToldAsync(hook);
        await running;
        var more = hook.GetContextAsync();
        await other.GetRequiredService<BackupSchedule>().RunIfDueAsync(Cancellation);

        Assert.StartsWith("The process ended before", news.GetProperty("error").GetString());
        Assert.False(more.IsCompleted);
    }

    [Fact]
    public async Task A_clock_that_is_put_forward_does_not_end_the_schedule()
    {
        await using var replica = ServicesOf(
            database.ConnectionString,
            new() { ["Backups:Folder"] = folder, ["Backups:Schedule"] = "0 2 * * *" },
            new LeapingTime()
        );

        var wait = replica.GetRequiredService<BackupSchedule>().Wait(TimeSpan.FromMinutes(1));

        Assert.Equal(TimeSpan.Zero, wait);
        Assert.Equal(TimeSpan.FromMinutes(1), Schedule.Wait(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task A_description_that_is_replaced_is_there_at_every_moment()
    {
        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        using var listed = new CancellationTokenSource();
        var describing = Task.Run(
            async () =>
            {
                while (!listed.IsCancellationRequested)
                {
                    await Service.Folder!.DescribeAsync(backup, Cancellation);
                }
            },
            Cancellation
        );

        for (var look = 0; look < 300; look++)
        {
            Assert.True(Assert.Single(await Service.Folder!.ListAsync(Cancellation)).Verified);
        }

        await listed.CancelAsync();
        await describing;
        File.Delete(Path.Combine(folder, $"{backup.Name}.json"));
        Assert.False(Assert.Single(await Service.Folder!.ListAsync(Cancellation)).Verified);
    }

    [Fact]
    public async Task The_age_of_the_last_backup_counts_from_the_beginning_of_the_journal_if_one_is_scheduled()
    {
        var history = services.GetRequiredService<BackupHistory>();

        Assert.Null(await history.FindLastSuccessAsync(orBeginning: false, Cancellation));
        Assert.Equal(
            DateTimeOffset.Parse("2026-01-01T00:00:00Z"),
            await history.FindLastSuccessAsync(orBeginning: true, Cancellation)
        );

        await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        Assert.Equal(time.GetUtcNow(), await history.FindLastSuccessAsync(orBeginning: true, Cancellation));
    }

    [Fact]
    public async Task The_command_makes_lists_and_verifies_backups()
    {
        var settings = new Dictionary<string, string> { ["Files__Folder"] = files, ["Backups__Folder"] = folder };
        var connection = database.ConnectionString;

        await using var made = await ExactProcess.RunAsync(connection, settings, "backup");
        await using var listed = await ExactProcess.RunAsync(connection, settings, "backup", "--list");
        var archive = Path.Combine(folder, made.Output);
        await using var verified = await ExactProcess.RunAsync(connection, settings, "backup", "--verify", archive);
        await using var named = await ExactProcess.RunAsync(connection, settings, "backup", "--verify", made.Output);

        await database.ExecuteAsync(
            """
            INSERT INTO operations (kind, actor, origin, started_at, finished_at, state, error)
            VALUES ('backup', 'schedule', 'exact', '2126-03-04Z', '2126-03-04Z', 'failed', 'The disk is full.')
            """
        );
        await using var status = await ExactProcess.RunAsync(connection, "status");
        var compare = new[] { "import", archive, "--mode", "replace", "--dry-run", "--differences" };
        await database.ExecuteAsync("UPDATE challenges SET title = 'Another'");
        await using var compared = await ExactProcess.RunAsync(connection, settings, compare);

        Assert.Contains("warning  Backups have failed since 2126-03-04", status.Output);
        Assert.Contains("\"before\": \"Another\"", compared.Output);
        Assert.Equal(0, await made.WaitForExitAsync());
        Assert.Contains("Verified: 2 records, 1 files", made.Log);
        Assert.Contains("verified               2 records", listed.Output);
        Assert.EndsWith(made.Output, listed.Output);
        Assert.Equal(0, await verified.WaitForExitAsync());
        Assert.Contains("was restored and equals its manifest: 2 records, 1 files, ", verified.Output);
        Assert.StartsWith($"{made.Output} was restored and equals its manifest: 2 records", named.Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_backup_that_the_command_verifies_is_described_again_and_in_the_journal(bool byPath)
    {
        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        var archive = Path.Combine(folder, backup.Name);
        File.Delete($"{archive}.json");
        var settings = new Dictionary<string, string> { ["Backups__Folder"] = folder };
        string[] command = ["backup", "--verify", byPath ? archive : backup.Name];

        await using var good = await ExactProcess.RunAsync(database.ConnectionString, settings, command);
        var described = Assert.Single(await Service.Folder!.ListAsync(Cancellation));
        await File.WriteAllBytesAsync(archive, new byte[backup.Bytes], Cancellation);
        await using var damaged = await ExactProcess.RunAsync(database.ConnectionString, settings, command);

        Assert.Equal(0, await good.WaitForExitAsync());
        Assert.Equivalent(backup, described, strict: true);
        Assert.Equal(1, await damaged.WaitForExitAsync());
        Assert.StartsWith($"The backup {backup.Name} is not verified: ", damaged.Log);
        Assert.False(Assert.Single(await Service.Folder!.ListAsync(Cancellation)).Verified);
        Assert.Equal(
            "command-line succeeded, command-line failed",
            await database.ScalarAsync<string>(
                "SELECT string_agg(actor || ' ' || state, ', ' ORDER BY id) FROM operations WHERE kind = 'verification'"
            )
        );
    }

    [Fact]
    public async Task A_backup_is_verified_for_a_database_that_does_not_exist_yet_and_as_a_file_elsewhere()
    {
        var backup = await Service.TakeAsync(Service.Folder!, "ada", Cancellation);
        var copy = Path.Combine(files, backup.Name);
        File.Copy(Path.Combine(folder, backup.Name), copy);
        await using var missing = new MissingDatabase();
        await missing.InitializeAsync();
        var settings = new Dictionary<string, string> { ["Backups__Folder"] = folder };

        await using var early = await ExactProcess.RunAsync(
            missing.ConnectionString,
            settings,
            "backup",
            "--verify",
            backup.Name
        );
        await using var elsewhere = await ExactProcess.RunAsync(
            database.ConnectionString,
            settings,
            "backup",
            "--verify",
            copy
        );

        Assert.StartsWith($"{backup.Name} was restored and equals its manifest: 2 records", early.Output);
        Assert.StartsWith($"{copy} was restored and equals its manifest: 2 records", elsewhere.Output);
        Assert.Equal(
            0,
            await database.ScalarAsync<long>("SELECT count(*) FROM operations WHERE kind = 'verification'")
        );
    }

    /// <summary>A server that is away.</summary>
    private static string Nowhere => $"Host=127.0.0.1;Port={FreePort.Find()};Database=exact;Username=exact";

    private static (HttpListener Hook, string Address) Listen()
    {
        var address = $"http://127.0.0.1:{FreePort.Find()}/";
        var hook = new HttpListener { Prefixes = { address } };
        hook.Start();
        return (hook, address);
    }

    /// <summary>What the webhook is told next.</summary>
    private static async Task<JsonElement> ToldAsync(HttpListener hook)
    {
        var told = await hook.GetContextAsync();
        var news = await JsonSerializer.DeserializeAsync<JsonElement>(
            told.Request.InputStream,
            cancellationToken: Cancellation
        );
        told.Response.Close();
        return news;
    }

    private ServiceProvider NewReplica(Dictionary<string, string?>? more = null)
    {
        var settings = new Dictionary<string, string?>(more ?? [])
        {
            ["Files:Folder"] = files,
            ["Backups:Folder"] = folder,
            ["Backups:Schedule"] = "0 2 * * *",
            ["Backups:Keep"] = "last=1, daily=2",
        };
        return ServicesOf(database.ConnectionString, settings, time);
    }

    /// <summary>A clock that is a day later whenever somebody looks.</summary>
    private sealed class LeapingTime : TimeProvider
    {
        private int looks;

        public override DateTimeOffset GetUtcNow() =>
            DateTimeOffset.UnixEpoch.AddDays(Interlocked.Increment(ref looks));
    }

    private async Task<byte[]> UnpackAsync(string name)
    {
        await using var file = File.OpenRead(Path.Combine(folder, name));
        await using var unpacking = new GZipStream(file, CompressionMode.Decompress);
        using var archive = new MemoryStream();
        await unpacking.CopyToAsync(archive, Cancellation);
        return archive.ToArray();
    }

    /// <summary>Why an archive is not verified; null if it is.</summary>
    private async Task<string?> VerifyAsync(byte[] archive)
    {
        try
        {
            await services.GetRequiredService<BackupVerifier>().VerifyAsync(new MemoryStream(archive), Cancellation);
            return null;
        }
        catch (BackupException e)
        {
            return e.Message;
        }
    }
}
