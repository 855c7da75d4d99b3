using System.CommandLine;
using Exact.Api.Commands;
using Exact.Tests.Support;
using Exact.Tests.Transfer;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Commands;

/// <summary>loaddata and dumpdata: what people type who come from Django.</summary>
public sealed class DjangoCommandTests(MigratedTemplate template) : IAsyncLifetime
{
    private readonly MigratedDatabase database = new(template);
    private Checkout folder = null!;

    public async ValueTask InitializeAsync()
    {
        await database.InitializeAsync();
        folder = new Checkout(database);
    }

    public async ValueTask DisposeAsync()
    {
        folder?.Dispose();
        await database.DisposeAsync();
    }

    [Theory]
    [InlineData("loaddata backup.json")]
    [InlineData("loaddata backup")]
    [InlineData("loaddata ./backup.json -v 2 --database default --traceback --no-color")]
    [InlineData("loaddata backup.json --Transfers:SpoolFolder /tmp")]
    [InlineData("loaddata --format json - < backup.json")]
    [InlineData("loaddata --ignorenonexistent backup --mode fail")]
    [InlineData("loaddata backup --mode replace --confirm api.challenge --confirm api.score,auth.user")]
    public async Task Loaddata_loads(string command)
    {
        await folder.SucceedAsync("cp samples/backup.json .");

        var (output, _) = await folder.SucceedAsync($"$EXACT {command}");

        Assert.Contains("\"api.challenge\"", output);
        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
    }

    [Fact]
    public async Task Loaddata_finds_a_packed_fixture_by_its_bare_name_and_says_nothing_at_verbosity_0()
    {
        var (output, _) = await folder.SucceedAsync("gzip -c samples/backup.json >b.json.gz && $EXACT loaddata -v0 b");

        Assert.Equal("", output);
        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
    }

    [Fact]
    public async Task Loaddata_finds_what_lies_in_the_repository_although_dotnet_run_starts_in_the_project()
    {
        await folder.SucceedAsync(
            "mkdir Exact.Api && cd Exact.Api && ASPNETCORE_ENVIRONMENT=Development $EXACT loaddata samples/backup.json"
        );

        Assert.Equal(2, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
    }

    [Fact]
    public async Task A_fixture_that_the_account_may_not_read_is_named_with_the_way_on()
    {
        var nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
        Assert.SkipUnless(Environment.UserName == "root" && File.Exists("/usr/bin/setpriv"), "needs root and setpriv");
        await folder.SucceedAsync($"chmod 755 . && chmod 600 samples/backup.json && {nobody} test -x samples");

        var errors = await folder.FailAsync($"HOME=/tmp {nobody} $EXACT loaddata samples/backup");

        Assert.StartsWith(
            $"This account may not read {folder.PathOf("samples/backup.json")}. Allow it (chmod 644)",
            errors
        );
    }

    [Fact]
    public async Task Loaddata_leaves_out_what_does_not_exist_only_if_it_is_told_to()
    {
        await File.WriteAllTextAsync(
            folder.PathOf("new.json"),
            Sample.Fixture(Sample.Challenge(fields: "\"colour\": 1"), Sample.Record("api.later", 1, "")),
            TestContext.Current.CancellationToken
        );

        Assert.Contains("colour", await folder.FailAsync("$EXACT loaddata new.json"));
        await folder.SucceedAsync("$EXACT loaddata -i new.json");

        Assert.Equal(1, await database.ScalarAsync<long>("SELECT count(*) FROM challenges"));
    }

    [Fact]
    public async Task Dumpdata_writes_what_it_is_asked_for()
    {
        (string Command, string Models)[] cases =
        [
            ("dumpdata", "api.challenge api.score auth.group auth.user exact.challengerules user_api.company"),
            ("dumpdata --for django", "api.challenge api.score auth.group auth.user user_api.company"),
            ("dumpdata api auth.User", "api.challenge api.score auth.user"),
            ("dumpdata -e api --exclude auth.group -e exact", "auth.user user_api.company"),
            (
                "dumpdata -e contenttypes -e auth.Permission -e sessions -e admin.logentry -e api -e auth --for django",
                "user_api.company"
            ),
            ("dumpdata --format jsonl api.score", "api.score"),
            ("dumpdata --natural-foreign --natural-primary --indent 2 -a -v 3 user_api", "user_api.company"),
        ];
        await folder.SucceedAsync("$EXACT import samples/backup.json");
        await database.ExecuteAsync(
            """
            INSERT INTO challenge_rules (challenge_id, accepted_types, hides_scores)
            SELECT challenge_id, '', false FROM challenges
            """
        );

        foreach (var (command, models) in cases)
        {
            var (output, _) = await folder.SucceedAsync(
                $"set -o pipefail; $EXACT {command} | grep -o '\"model\": \"[^\"]*' | cut -d'\"' -f4 | sort -u | xargs"
            );

            Assert.Equal(models, output.Trim());
        }
    }

    [Fact]
    public async Task What_dumpdata_writes_to_a_file_loaddata_loads()
    {
        await folder.SucceedAsync("$EXACT import samples/backup.json && $EXACT dumpdata > before.json");

        await folder.SucceedAsync(
            "$EXACT dumpdata -o all.json.gz && $EXACT loaddata all && $EXACT dumpdata > after.json"
        );

        await folder.SucceedAsync("cmp before.json after.json && gzip --test all.json.gz");
    }

    [Theory]
    [InlineData("loaddata one.json two.json", "loaddata takes one file, because it loads all of a file or nothing.")]
    [InlineData("loaddata --app api one.json", "loaddata does not take --app: Exact has no folders of fixtures")]
    [InlineData("loaddata -e api one.json", "loaddata does not take -e: leave models out when you write the file")]
    [InlineData("loaddata --format xml -", "--format must be json or jsonl, not xml.")]
    [InlineData("loaddata --database other one.json", "--database must be default.")]
    [InlineData("loaddata --settings=mine.settings one.json", "loaddata does not take --settings: ")]
    [InlineData("loaddata one.json --nonsense", "loaddata does not take \"--nonsense\". See exact loaddata --help.")]
    [InlineData("dumpdata --pks 1,2 api.score", "dumpdata does not take --pks: it writes whole models")]
    [InlineData("dumpdata -o all.json.xz", "dumpdata compresses only with gzip. End the name in .gz, not in .xz.")]
    [InlineData("dumpdata --nonsense", "dumpdata does not take \"--nonsense\". See exact dumpdata --help.")]
    public async Task What_Exact_does_not_support_is_answered_in_one_sentence(string command, string sentence)
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        var root = new RootCommand { LoadDataCommand.Create(services), DumpDataCommand.Create(services) };

        var error = Assert.Single(root.Parse(command).Errors);

        Assert.StartsWith(sentence, error.Message);
    }

    [Theory]
    [InlineData("loaddata --format yaml -", "--format must be json or jsonl, not yaml.")]
    [InlineData("dumpdata api.nonsense", "There is no model 'api.nonsense'.")]
    public async Task The_sentence_is_all_that_is_printed_and_the_exit_code_is_2(string command, string sentence)
    {
        var errors = await folder.FailAsync($"$EXACT {command}", code: 2);

        Assert.Equal(sentence, errors.Trim());
    }

    [Fact]
    public async Task A_fixture_that_is_nowhere_is_named_with_the_places_that_were_searched()
    {
        folder["Transfers__FixtureFolder"] = folder.PathOf("backups/shared");

        var errors = await folder.FailAsync("$EXACT loaddata nothing");

        Assert.StartsWith(
            $"There is no fixture \"nothing\" in {folder.Folder} or {folder.PathOf("backups/shared")}. Put it there",
            errors
        );
    }

    [Fact]
    public async Task A_name_that_several_fixtures_have_is_not_guessed_at()
    {
        var errors = await folder.FailAsync("touch a.json a.json.gz; $EXACT loaddata a");

        Assert.Contains("Give the full name of one of them", errors);
    }
}
