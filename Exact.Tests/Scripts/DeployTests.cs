using System.Text.RegularExpressions;
using Exact.Tests.Support;

namespace Exact.Tests.Scripts;

/// <summary>deploy.sh, with an engine whose one container runs the real program, and without containers.</summary>
public sealed class DeployTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private const string Git = "git -c user.name=test -c user.email=test@example.org -c init.defaultBranch=main";

    private const string Up = "compose up --detach --wait --wait-timeout 1800";

    private static readonly string[] Scripts =
    [
        "rebuild_database",
        "deploy",
        "backup_and_restore",
        "scripts/reset_database",
    ];

    [Fact]
    public async Task Deploy_sh_has_the_permission_to_be_executed()
    {
        using var checkout = new Checkout(database);

        Assert.All(
            await Task.WhenAll(Scripts.Select(name => checkout.ModeOfAsync($"{name}.sh"))),
            mode => Assert.Equal("755", mode)
        );
    }

    [Fact]
    public async Task Deploy_pulls_the_latest_version_then_builds_backs_up_starts_and_says_what_became_of_it()
    {
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        await checkout.SucceedAsync(
            $$"""
            set -e
            {{Git}} init --quiet .
            {{Git}} add --all -- '*.sh'
            {{Git}} commit --quiet --message one
            git clone --quiet --bare . origin
            git remote add origin origin
            git fetch --quiet
            git branch --quiet --set-upstream-to origin/main
            git clone --quiet origin another
            cd another
            sed -i 's/^main "\$@"/echo the second version; main "$@"/' deploy.sh
            {{Git}} commit --quiet --all --message two
            git push --quiet
            """
        );

        var (output, _) = await checkout.SucceedAsync("./deploy.sh");

        Assert.Contains("the second version", output);
        Assert.Contains("current: ", output);
        Assert.True(File.Exists(checkout.PathOf("db_backup.json")));
        Assert.Equal(
            [
                "compose build",
                "compose exec -T api dotnet Exact.Api.dll dumpdata",
                "compose up --detach --wait --wait-timeout 1800",
                "compose exec -T api dotnet Exact.Api.dll status",
                "compose ps api",
            ],
            checkout.EngineLog.Where(call => call is not ("info" or "compose version") && !IsQuestion(call))
        );
    }

    [Theory]
    [InlineData("one two", "2", "8000-8002", "up 3, stop one, rm one, up 3, stop two, rm two")]
    [InlineData(
        "one two three four",
        "2",
        "8000-8002",
        "stop three, rm three, stop four, rm four, up 3, stop one, rm one, up 3, stop two, rm two"
    )]
    [InlineData("one two", "1", "8000-8001", "stop two, rm two, up 2, stop one, rm one")]
    [InlineData("one", "3", "", "up 2, stop one, rm one")] // behind a proxy, one needs no port either
    public async Task Replicas_are_replaced_one_after_the_other_and_a_new_one_is_ready_before_an_old_one_ends(
        string running,
        string wanted,
        string ports,
        string steps
    )
    {
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        (checkout["REPLICAS"], checkout["SCALE"], checkout["PORTS"]) = (running, wanted, ports);

        await checkout.SucceedAsync("./deploy.sh --no-pull --no-backup");

        Assert.Equal(
            [
                $"{Up} postgres", // first, because Compose replaces the replicas with it
                .. steps
                    .Split(", ")
                    .Select(step => Regex.Replace(step, "^up (.*)", $"{Up} --no-recreate --scale api=$1 api")),
                Up,
            ],
            StepsOf(checkout)
        );
    }

    [Theory]
    [InlineData("one", "8000")]
    [InlineData("one", "8000-8001")] // its port would be another one afterwards
    [InlineData("one two", "8000")] // there is no port for one more
    public async Task Where_there_is_no_room_for_one_more_Compose_replaces_what_runs(string running, string ports)
    {
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        (checkout["REPLICAS"], checkout["PORTS"]) = (running, ports);

        await checkout.SucceedAsync("./deploy.sh --no-pull --no-backup");

        Assert.Equal([Up], StepsOf(checkout));
    }

    [Fact]
    public async Task If_a_new_replica_does_not_become_ready_it_is_removed_and_the_others_go_on_serving()
    {
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        (checkout["REPLICAS"], checkout["BROKEN"]) = ("one two", "yes");

        var errors = await checkout.FailAsync("./deploy.sh --no-pull --no-backup");

        Assert.Contains("a new replica did not become ready.", errors);
        Assert.Contains("Exact ends: the cause", errors);
        Assert.Equal(
            [$"{Up} postgres", $"{Up} --no-recreate --scale api=3 api"],
            StepsOf(checkout).Where(step => !step.StartsWith("rm --force new", StringComparison.Ordinal))
        );
        Assert.Equal(
            ["one", "two"],
            await File.ReadAllLinesAsync(checkout.PathOf("engine.log.replicas"), TestContext.Current.CancellationToken)
        );
    }

    [Fact]
    public async Task A_version_that_cannot_be_pulled_changes_nothing_and_names_the_way_on()
    {
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();

        var errors = await checkout.FailAsync("./deploy.sh");

        Assert.Contains("git pull failed, so nothing was changed.", errors);
        Assert.Contains("./deploy.sh --no-pull", errors);
        Assert.DoesNotContain("compose build", checkout.EngineLog);
    }

    [Fact]
    public async Task A_backup_that_a_crash_loop_cuts_off_says_so_and_names_the_way_on()
    {
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        checkout["CRASHING"] = "7";

        var errors = await checkout.FailAsync("./deploy.sh --no-pull");

        Assert.Contains("The service keeps ending: Docker has started it again 7 times. Its last lines:", errors);
        Assert.Contains("Exact ends: the cause", errors);
        Assert.Contains("To deploy without one: ./deploy.sh --no-backup", errors);
        Assert.DoesNotContain(checkout.EngineLog, call => call.StartsWith("compose up", StringComparison.Ordinal));
        Assert.False(File.Exists(checkout.PathOf("db_backup.json")));
    }

    [Fact]
    public async Task Deploy_does_not_take_over_the_deployment_of_another_clone_with_the_same_name()
    {
        using var other = new Checkout(database);
        using var checkout = new Checkout(database);
        checkout.PutEngineFirst();
        checkout["OTHER_CLONE"] = other.Folder;

        var errors = await checkout.FailAsync("./deploy.sh --no-pull");

        Assert.Contains($"the clone in {other.Folder} is deployed under the same name", errors);
        Assert.Contains("COMPOSE_PROJECT_NAME", errors);
        Assert.DoesNotContain(checkout.EngineLog, call => call.StartsWith("compose build", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_Docker_deploy_says_what_to_install()
    {
        using var checkout = new Checkout(database);
        checkout["EXACT"] = "";
        await checkout.SucceedAsync("mkdir bin && ln -s $(command -v dirname) bin");
        checkout["PATH"] = checkout.PathOf("bin");

        var errors = await checkout.FailAsync("/bin/bash ./deploy.sh --no-pull");

        Assert.Contains("docker is not installed", errors);
    }

    [Fact]
    public async Task Without_containers_deploy_connects_to_the_database_of_the_environment_and_applies_all_migrations()
    {
        await using var empty = new MissingDatabase();
        await empty.InitializeAsync();
        using var checkout = new Checkout(empty);
        PublishWhatIsBuilt(checkout);

        var (output, _) = await checkout.SucceedAsync("./deploy.sh --no-docker --no-pull --prefix root");

        Assert.Contains("current: ", output);
        Assert.Equal(await Catalog.ReadAsync(database), await Catalog.ReadAsync(empty));
        var settings = await ReadAsync(checkout, "root/etc/exact/exact.env");
        Assert.Contains($"ConnectionStrings__Exact={empty.ConnectionString}\n", settings);
        Assert.Matches("^[0-9a-f]{64}$", await ReadAsync(checkout, "root/etc/exact/admin_key"));
        Assert.Contains("/dotnet Exact.Api.dll", await ReadAsync(checkout, "root/etc/systemd/system/exact.service"));
        Assert.True(File.Exists(checkout.PathOf("root/opt/exact/current/Exact.Api.dll")));
    }

    [Fact]
    public async Task A_second_deployment_without_containers_backs_up_first_and_keeps_the_settings()
    {
        using var checkout = new Checkout(database);
        PublishWhatIsBuilt(checkout);
        await checkout.SucceedAsync("./deploy.sh --no-docker --no-pull --prefix root");
        Assert.False(File.Exists(checkout.PathOf("db_backup.json")));
        var key = await ReadAsync(checkout, "root/etc/exact/admin_key");
        checkout["ConnectionStrings__Exact"] = ""; // exact.env has it

        await checkout.SucceedAsync("./deploy.sh --no-docker --no-pull --prefix root");

        Assert.True(File.Exists(checkout.PathOf("db_backup.json")));
        Assert.Equal(key, await ReadAsync(checkout, "root/etc/exact/admin_key"));
    }

    [Fact]
    public async Task Without_containers_a_database_that_nobody_has_named_is_asked_for_before_anything_is_built()
    {
        using var checkout = new Checkout(database);
        checkout["ConnectionStrings__Exact"] = "";

        var errors = await checkout.FailAsync("./deploy.sh --no-docker --no-pull --prefix root");

        Assert.Contains("root/etc/exact/exact.env names no database.", errors);
        Assert.False(Directory.Exists(checkout.PathOf("root/opt/exact/current")));

        // Named then, it is what the service reads; to name another one is a mistake.
        checkout["ConnectionStrings__Exact"] = database.ConnectionString;
        PublishWhatIsBuilt(checkout);
        await checkout.SucceedAsync("./deploy.sh --no-docker --no-pull --prefix root");
        Assert.Contains(
            $"ConnectionStrings__Exact={database.ConnectionString}\n",
            await ReadAsync(checkout, "root/etc/exact/exact.env")
        );
        checkout["ConnectionStrings__Exact"] = "Host=another";
        Assert.Contains(
            "names another database than the environment.",
            await checkout.FailAsync("./deploy.sh --no-docker --no-pull --prefix root")
        );
    }

    [Fact]
    public async Task A_machine_without_systemd_is_told_so_before_anything_is_changed()
    {
        Assert.SkipWhen(Directory.Exists("/run/systemd/system"), "needs a machine that systemd does not run");
        Assert.SkipUnless(Environment.UserName == "root", "needs root");
        using var checkout = new Checkout(database);

        var errors = await checkout.FailAsync("./deploy.sh --no-docker --no-pull");

        Assert.Contains("systemd does not run this machine", errors);
        Assert.Contains("--prefix FOLDER", errors);
        Assert.False(Directory.Exists("/opt/exact"));
    }

    [Fact]
    public async Task What_migrate_writes_at_an_installation_belongs_to_the_account_of_the_service()
    {
        await using var old = new TestDatabase();
        await old.InitializeAsync();
        await old.MigrateToFirstAsync();
        await old.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('c1', 'Kept', '', '2026-01-01Z', 'ada')
            """
        );
        using var checkout = new Checkout(old);
        Assert.SkipUnless(
            Environment.UserName == "root"
                && (await checkout.RunAsync("unshare --mount true && command -v runuser")).ExitCode == 0,
            "needs root, who may change what is mounted"
        );
        PublishWhatIsBuilt(checkout);
        checkout.PutFirst("systemctl", "exit 1"); // the installation ends before it starts the service
        await checkout.SucceedAsync(
            "chmod -R go+rX . && echo 'Backups__Folder=/var/lib/exact/backups' >>deploy/exact.env"
        );

        var (owners, log) = await checkout.SucceedAsync(
            """
            cp -a /etc etc
            exec unshare --mount bash -euc '
                mount --bind etc /etc
                for folder in /opt /var/lib /run; do mount -t tmpfs tmpfs "$folder"; done
                mkdir /run/systemd /run/systemd/system
                ./deploy.sh --no-docker --no-pull >&2 || true
                find /var/lib/exact -printf "%u %m %y\n" | sort -u
                ls /var/lib/exact/backups/*.tar.gz.json'
            """
        );

        Assert.True(owners.Contains("exact 600 f", StringComparison.Ordinal), log);
        Assert.DoesNotContain("root", owners);
    }

    [Fact]
    public async Task Each_folder_that_Compose_keeps_in_a_volume_belongs_to_the_account_of_the_image()
    {
        var compose = await File.ReadAllTextAsync(
            Path.Combine(Checkout.Repository, "docker-compose.yml"),
            TestContext.Current.CancellationToken
        );
        var image = await File.ReadAllTextAsync(
            Path.Combine(Checkout.Repository, "Dockerfile"),
            TestContext.Current.CancellationToken
        );
        var volumes = Regex
            .Matches(compose, "- [a-z-]+:(/var/(?:lib|spool)/exact[a-z/]*)")
            .Select(found => found.Groups[1].Value)
            .ToList();
        var owned = image
            .Split('\n')
            .Single(line => line.StartsWith("RUN install --directory", StringComparison.Ordinal));

        Assert.Contains("/var/lib/exact/backups", volumes);
        Assert.All(volumes, volume => Assert.Contains(volume, owned.Split(' ')));
    }

    [Fact]
    public async Task Systemd_finds_no_fault_in_the_unit()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "needs systemd-analyze");
        using var checkout = new Checkout(database);
        // Its own paths and its account are on no machine that has not installed it.
        await checkout.SucceedAsync(
            $"sed -i 's|/opt/exact/current|/|; s|=exact$|=root|; s|/usr/bin/dotnet|/bin/true|' deploy/exact.service"
        );

        var (output, errors) = await checkout.SucceedAsync("systemd-analyze verify --man=no deploy/exact.service");

        Assert.DoesNotContain("exact.service", output + errors);
    }

    private static IEnumerable<string> StepsOf(Checkout checkout) =>
        checkout.EngineLog.Where(call => call.Split(' ') is ["stop" or "rm", ..] or ["compose", "up", ..]);

    /// <summary>To publish takes a minute and is tried by .ci/run; here it copies what the tests run.</summary>
    private static void PublishWhatIsBuilt(Checkout checkout)
    {
        var folder = Path.GetDirectoryName(ExactProcess.Program);
        checkout.PutFirst(
            "dotnet",
            $$"""
            real=$(PATH=${PATH#*:} command -v dotnet)
            [ "$1" = publish ] || exec "$real" "$@"
            mkdir -p "$4" && cp -r '{{folder}}'/Exact.* '{{folder}}'/*.dll "$4"
            """
        );
    }

    private static bool IsQuestion(string call) =>
        call.StartsWith("inspect ", StringComparison.Ordinal)
        || call is "compose config api" or "compose config --services"
        || call.StartsWith("compose ps --", StringComparison.Ordinal);

    private static Task<string> ReadAsync(Checkout checkout, string file) =>
        File.ReadAllTextAsync(checkout.PathOf(file), TestContext.Current.CancellationToken);
}
