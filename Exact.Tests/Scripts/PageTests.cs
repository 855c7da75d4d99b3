using System.Net.Http.Json;
using System.Text.Json;
using Exact.Tests.Support;

namespace Exact.Tests.Scripts;

/// <summary>Every command of the documentation runs as it stands on its page, in the order of the page.</summary>
public sealed class PageTests(PageTests.Site site, LiveDjango live)
    : IClassFixture<PageTests.Site>,
        IClassFixture<LiveDjango>
{
    /// <summary>The commands that begin like this do not run here, for the reason that is given.</summary>
    private static readonly (string Page, string Start, string Reason)[] NotRun =
    [
        ("README.md", "dotnet run --project Exact.Api", "WelcomeTests starts the same program in Development"),
        ("README.md", "dotnet test", "this is it"),
        ("CONTRIBUTING.md", "dotnet ", ".ci/run does"),
        ("CONTRIBUTING.md", "git tag", "it would tag this repository"),
        ("CONTRIBUTING.md", "scripts/release.sh", ".ci/run builds the one for its platform, and runs it"),
        ("bench/README.md", "bench/run.sh", "half an hour each"),
        ("docs/backups.md", "pgbackrest ", "PointInTimeTests does"),
        ("docs/coming-from-django.md", "export PGPASSFILE", "the tests' server asks for no password"),
        ("docs/database-setup.md", @".\", "BackupTests reads the .bat files, and runs the call of each"),
        ("docs/database-setup.md", "scp ", "it needs another machine"),
        ("docs/database-setup.md", "sudo ", "DeployTests does, below a folder and without systemd"),
        ("docs/decisions/compiled-model.md", "dotnet ef ", "CompiledModelTests compares its result"),
        ("docs/decisions/migration-linter.md", "dotnet test ", "MigrationLinterTests are here"),
        ("docs/kubernetes.md", "kubectl ", "KubernetesTests builds the manifests; the rest needs a cluster"),
        ("docs/legacy-client.md", "Cors__Origins", "LegacyJourneyTests starts the service with this setting"),
        ("docs/operations.md", "git clone", "it names no repository"),
        ("docs/operations.md", "docker compose exec api cat", "it needs Docker and its images"),
        ("docs/operations.md", "docker compose exec -T postgres", "it needs Docker and its images"),
        ("docs/operations.md", "docker compose up", "it needs Docker and its images"),
        ("docs/operations.md", "docker compose logs", "it needs Docker and its images"),
        ("docs/operations.md", "docker build", "it needs Docker and its images"),
        ("docs/operations.md", "docker run", "it needs Docker and its images"),
        ("docs/operations.md", "export PGPASSFILE", "the page Coming from Django has these commands"),
        ("docs/operations.md", "dotnet Exact.Api.dll import", "the page Coming from Django has these commands"),
        ("docs/operations.md", "scripts/reset_database.sh", "BackupTests does"),
        ("docs/operations.md", "sudo ", "DeployTests does"),
        ("docs/operations.md", "EXACT='sudo systemd-run", "it needs systemd"),
        ("docs/telemetry.md", "docker compose logs", "it needs Docker and its images"),
    ];

    public static TheoryData<string> Pages { get; } = [.. Page.All];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task The_commands_of_a_page_run(string page)
    {
        var (run, left) = Split(page, (await Page.ReadAsync(page, Cancellation)).Commands);
        foreach (var (_, start, reason) in NotRun.Where(entry => entry.Page == page))
        {
            Assert.True(left.Any(command => command.StartsWith(start, StringComparison.Ordinal)), $"{start}: {reason}");
        }

        if (run.Count == 0)
        {
            return;
        }

        using var checkout = await site.CheckOutAsync(page);
        await using var django = page == "docs/coming-from-django.md" ? await live.CopyAsync() : null;
        if (django is not null)
        {
            checkout["DJANGO"] = django.ConnectionString;
            django.Django.PutFirst(checkout);
        }

        await using var other = new MissingDatabase();
        await other.InitializeAsync();
        checkout["OTHER"] = other.ConnectionString;

        var (code, output, errors) = await checkout.RunAsync(Script(run));

        Assert.True(code == 0, $"{output}\n{errors}\n{site.Log}");
        Assert.Equal(page == "docs/backups.md", output.EndsWith("\nrestored\n", StringComparison.Ordinal)); // its drill
    }

    [Theory]
    [InlineData("python", "submit.py", "/usr/bin/python3 submit.py")]
    [InlineData("csharp", "submit.cs", "dotnet run submit.cs")]
    public async Task The_example_in_another_language_submits_and_reads_the_leaderboard(
        string language,
        string file,
        string command
    )
    {
        var program = (await Page.ReadAsync("docs/api-by-example.md", Cancellation)).Program(language);
        using var checkout = await site.CheckOutAsync("docs/api-by-example.md");
        await File.WriteAllTextAsync(checkout.PathOf(file), site.Here(program), Cancellation);

        var (output, _) = await checkout.SucceedAsync(
            $$"""
            set -eu
            trap '[ ! -e worker.pid ] || kill -TERM $(cat worker.pid)' EXIT
            exact work --token-file admin_key --metric emd='echo "{\"score\": 0.7, \"std\": 0.1}"'
            {{command}}
            """
        );

        Assert.StartsWith("completed 0.7\n", output);
        Assert.Matches("(?m)^1 [a-z]+ [0-9.]+$", output);
    }

    /// <summary>The commands that run, and those that do not.</summary>
    private static (List<string> Run, List<string> Left) Split(string page, IReadOnlyList<string> commands)
    {
        var left = commands
            .Where(command =>
                NotRun.Any(entry => entry.Page == page && command.StartsWith(entry.Start, StringComparison.Ordinal))
            )
            .ToList();
        return ([.. commands.Except(left)], left);
    }

    private string Script(IEnumerable<string> commands) =>
        $$"""
            set -Eeuo pipefail
            trap 'echo "this command failed: $BASH_COMMAND" >&2' ERR
            trap '[ ! -e worker.pid ] || kill -TERM $(cat worker.pid)' EXIT
            {{site.Here(string.Join('\n', commands))}}
            """;

    /// <summary>A service with the sample data, for all pages.</summary>
    public sealed class Site : IAsyncLifetime
    {
        private static readonly string[] Scopes = ["read", "submit"];

        private readonly MigratedDatabase database = new(MigratedTemplate.Current);
        private readonly string folder = Directory.CreateTempSubdirectory("exact-site-").FullName;
        private ExactProcess service = null!;

        /// <summary>The last lines of the service's log.</summary>
        public string Log => string.Join('\n', service.Log.Split('\n').TakeLast(5));

        private string Address => service.Client.BaseAddress!.ToString().TrimEnd('/');

        public async ValueTask InitializeAsync()
        {
            foreach (var tool in new[] { "curl", "jq", "age" })
            {
                Assert.SkipUnless(File.Exists($"/usr/bin/{tool}"), $"needs {tool}");
            }

            await database.InitializeAsync();
            service = ExactProcess.Serve(database.ConnectionString, Settings());
            await service.WaitUntilReadyAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (service is not null)
            {
                await service.DisposeAsync();
            }

            await database.DisposeAsync();
            Directory.Delete(folder, recursive: true);
        }

        /// <summary>What the documentation says, with the addresses, keys and folders of this site.</summary>
        public string Here(string text) =>
            text.Replace("http://localhost:8000", Address, StringComparison.Ordinal)
                .Replace("https://exact.example.org", Address, StringComparison.Ordinal)
                .Replace("Bearer KEY", $"Bearer {ExactApp.AdminKey}", StringComparison.Ordinal)
                .Replace("exact_pat_…", $"'{ExactApp.AdminKey}'", StringComparison.Ordinal)
                .Replace("age1…", "$RECIPIENT", StringComparison.Ordinal)
                .Replace("'Host=old-db;Database=django;Username=reader'", "\"$DJANGO\"", StringComparison.Ordinal)
                .Replace("operations/17/", "operations/$(exact last-operation)/", StringComparison.Ordinal)
                .Replace("/mnt/", "mnt/", StringComparison.Ordinal)
                .Replace("/opt/metrics/", $"{folder}/", StringComparison.Ordinal)
                .Replace("/var/lib/exact/files", $"{folder}/files", StringComparison.Ordinal)
                .Replace(
                    "dll createsuperuser --username root --email root",
                    "dll createsuperuser --username toor --email toor",
                    StringComparison.Ordinal
                )
                .Replace("createsuperuser", "createsuperuser --no-input", StringComparison.Ordinal);

        /// <summary>A folder with the scripts and what the pages take for granted, and the sample data in the database.</summary>
        internal async Task<Checkout> CheckOutAsync(string page)
        {
            Directory.Delete($"{folder}/files", recursive: true);
            await LoadSampleAsync(page);
            var checkout = new Checkout(database);
            checkout.PutEngineFirst();
            checkout.PutFirst("exact", Exact);
            checkout.PutFirst("dotnet", Dotnet);
            checkout.PutFirst("curl", "exec /usr/bin/curl --silent --show-error --fail-with-body \"$@\"");
            foreach (var (name, value) in Settings())
            {
                checkout[name] = value;
            }

            checkout["SITE"] = Address;
            checkout["KEY"] = ExactApp.AdminKey;
            checkout["OTHER_FILES"] = checkout.PathOf("other");
            checkout["EXACT_SUPERUSER_PASSWORD"] = "correct horse 7";
            await checkout.SucceedAsync(
                $$"""
                set -e
                mkdir -p mnt other home/.zfunc home/.config/fish/completions secrets backups/shared
                printf %s "$KEY" > admin_key
                age-keygen -o key.txt 2>/dev/null
                echo data > data.csv; echo model > model.pkl; echo 'print("method")' > grad_cam.py
                echo 'print("{\"score\": 0.7}")' | tee {{folder}}/emd.py > {{folder}}/ima.py
                jq -r '.[].fields | .dataset, .mlmodel, .xaimethod | strings | select(. != "")' samples/backup.json |
                    while read -r file; do mkdir -p "media/$(dirname "$file")"; echo x > "media/$file"; done
                for file in db_backup.json backups/exact-20260131T020000Z.json backups/shared/db_backup.json
                do cp samples/backup.json $file; done
                cp data.csv data-2.csv
                git init --quiet --bare origin && git clone --quiet origin deployed && mv deployed/.git . && rmdir deployed
                git -c user.name=x -c user.email=x commit --quiet --allow-empty -m x && git push --quiet origin HEAD
                """
            );
            await ChooseAsync(page, checkout);
            if (page == "docs/backups.md") // whose drill restores files, too
            {
                await checkout.SucceedAsync("cp -r media/. \"$Files__Folder\" && exact files check --adopt");
            }

            checkout["RECIPIENT"] = (await checkout.SucceedAsync("age-keygen -y key.txt")).Output.Trim();
            return checkout;
        }

        /// <summary>What only one page takes for granted.</summary>
        private async Task ChooseAsync(string page, Checkout checkout)
        {
            switch (page)
            {
                case "docs/api-by-example.md":
                    checkout["WORKS_ON"] = "1";
                    break;
                case "docs/operations.md":
                    await checkout.SucceedAsync("gzip --stdout samples/backup.json > backup.json.gz");
                    break;
                case "docs/command-line.md":
                    await checkout.SucceedAsync("gzip --stdout samples/backup.json > backup.json.gz");
                    checkout["HOME"] = checkout.PathOf("home");
                    break;
                case "docs/evaluation.md":
                    checkout["EXACT_TOKEN"] = ExactApp.AdminKey;
                    checkout["SUBMIT_TOKEN"] = await MakeTokenAsync();
                    checkout.PutFirst("docker", "echo 'EMD Mean: -0.7'; echo 'EMD Std: 0.1'"); // the legacy image
                    checkout.PutFirst("podman", "echo '{\"score\": -0.7}'");
                    break;
            }
        }

        private Dictionary<string, string> Settings() =>
            new()
            {
                ["Files__Folder"] = Directory.CreateDirectory($"{folder}/files").FullName,
                ["Backups__Folder"] = Directory.CreateDirectory($"{folder}/backups").FullName,
            };

        private async Task LoadSampleAsync(string page)
        {
            await database.ExecuteAsync("TRUNCATE challenges, scores, companies, roles, users, stored_files CASCADE");
            if (page is "README.md" or "docs/accounts.md" or "docs/coming-from-django.md" or "docs/operations.md")
            {
                return; // the page brings its own
            }

            using var sample = new StringContent(
                await File.ReadAllTextAsync(Path.Combine(Checkout.Repository, "samples", "backup.json"), Cancellation),
                null,
                "application/json"
            );
            using var answer = await service.Client.PostAsync("/api/admin/import", sample, Cancellation);
            answer.EnsureSuccessStatusCode();
        }

        /// <summary>The token of somebody who submits.</summary>
        private async Task<string> MakeTokenAsync()
        {
            using var sam = new HttpClient { BaseAddress = service.Client.BaseAddress };
            var account = new
            {
                username = "sam",
                password = "correct horse 7",
                email = "sam@example.org",
            };
            (await sam.PostAsJsonAsync("/api/account/register", account, Cancellation)).EnsureSuccessStatusCode();
            (
                await sam.PostAsJsonAsync(
                    "/api/account/login",
                    new { account.username, account.password },
                    Cancellation
                )
            ).EnsureSuccessStatusCode();
            using var made = await sam.PostAsJsonAsync(
                "/api/account/tokens",
                new { name = "pages", scopes = Scopes },
                Cancellation
            );
            return (await made.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("token").GetString()!;
        }

        /// <summary>
        /// <c>exact</c>. A worker gets a submission and ends when that has a score, or, where the page submits, works on.
        /// </summary>
        private const string Exact = """
            case "$1" in
                last-operation)
                    curl -H "Authorization: Bearer $KEY" "$SITE/api/admin/operations?limit=1" | jq '.[0].id'
                    exit ;;
                work) ;;
                *) exec $EXACT_PROGRAM "$@" ;;
            esac
            [[ "$*" == *--server* ]] || set -- "$@" --server "$SITE"
            $EXACT_PROGRAM "$@" >worker.log 2>&1 &
            worker=$!
            [ -z "${WORKS_ON:-}" ] || { echo $worker > worker.pid; exit 0; }
            trap 'kill -TERM $worker; wait $worker || true' EXIT
            submission=$(curl -H "Authorization: Bearer $SUBMIT_TOKEN" -F file=@grad_cam.py \
                "$SITE/api/challenges/tetris-saliency/submissions" | jq .id)
            until curl -H "Authorization: Bearer $SUBMIT_TOKEN" "$SITE/api/submissions/$submission" |
                jq -e '.status == "completed"' >/dev/null
            do
                ! curl -H "Authorization: Bearer $SUBMIT_TOKEN" "$SITE/api/submissions/$submission" |
                    jq -e 'select(.status == "failed")' >&2 && kill -0 $worker || { cat worker.log >&2; exit 1; }
                sleep 0.1
            done
            """;

        /// <summary><c>dotnet</c>: the program of this build instead of one from the sources; a single file runs.</summary>
        private const string Dotnet = """
            case "$*" in
                run*" -- "* | run*" --") until [ "$1" = -- ]; do shift; done; shift; exec $EXACT_PROGRAM "$@" ;;
                "Exact.Api.dll "*) shift; exec $EXACT_PROGRAM "$@" ;;
            esac
            exec "$(PATH="${PATH#*:}" && command -v dotnet)" "$@"
            """;
    }
}
