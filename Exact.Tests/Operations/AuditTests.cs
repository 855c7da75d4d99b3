using System.Net.Http.Json;
using System.Text;
using System.Text.RegularExpressions;
using Exact.Tests.Accounts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Operations;

/// <summary>Whatever an administrator changes leaves an entry in the journal.</summary>
public sealed partial class AuditTests(AccountsApp app) : IClassFixture<AccountsApp>
{
    private const string Reason = """{"reason": "the method was wrong"}""";

    /// <summary>The routes that change something, each with a body and the entry that it leaves.</summary>
    private static readonly (string Route, string? Body, string Entry)[] Changes =
    [
        ("POST /api/challenges", null, "challenge create"),
        ("PATCH /api/challenges/{challenge_id}", """{"title": "Two"}""", "challenge"),
        ("PUT /api/challenges/{challenge_id}/dataset", null, "challenge"),
        ("PUT /api/challenges/{challenge_id}/mlmodel", null, "challenge"),
        ("PUT /api/challenges/{challenge_id}/xaimethod", null, "challenge"),
        ("POST /api/challenges/{challenge_id}/scores", """{"username": "ada", "emd_score": 1}""", "score"),
        ("PATCH /api/scores/{id}", """{"emd_score": 1, "reason": "a slip"}""", "score"),
        ("POST /api/scores/{id}/disqualify", Reason, "score disqualify"),
        ("POST /api/scores/{id}/reinstate", Reason, "score reinstate"),
        ("POST /api/scores/{id}/rerun", Reason, "score"),
        ("POST /api/challenges/{challenge_id}/rerun", Reason, "score"),
        ("POST /api/challenges/{challenge_id}/close", null, "challenge close"),
        ("DELETE /api/challenges/{challenge_id}", null, "challenge delete"),
        ("POST /api/challenge/create", null, "challenge create"),
        ("DELETE /api/challenge/{challenge_id}/delete", null, "challenge delete"),
        ("POST /api/admin/import", "fixture", "import"),
        ("POST /api/admin/import/django", "", "import"),
        ("GET /api/admin/export", null, "export"),
    ];

    /// <summary>The routes that give away what only administrators may have; none of them changes anything.</summary>
    private static readonly Dictionary<string, string> Readers = new()
    {
        ["GET /api/admin/export"] = "above",
        ["GET /api/admin/export/manifest"] = "counts",
        ["GET /api/admin/backups"] = "a list",
        ["GET /api/admin/backups/{name}"] = "an export that names the backup: BackupDoorTests",
        ["GET /admin/backups"] = "a list",
        ["GET /admin/backups/export"] = "as GET /api/admin/export",
        ["GET /admin/backups/{name}"] = "a description",
        ["GET /admin/backups/{name}/file"] = "as GET /api/admin/backups/{name}",
    };

    /// <summary>The others, and why they need no entry, or where it is tested.</summary>
    private static readonly Dictionary<string, string> Others = new()
    {
        ["POST /api/admin/migrations"] =
            "the migrator writes it: MigrationRunTests; without a pending one nothing changes",
        ["DELETE /api/admin/operations/{id}"] = "the entry itself says who cancelled it: OperationTests",
        ["POST /admin/migrations"] = "as POST /api/admin/migrations",
        ["POST /admin/operations/{id}/cancel"] = "as DELETE /api/admin/operations/{id}",
        ["POST /api/admin/backups"] = "its operation names who asked for it: BackupDoorTests",
        ["POST /api/admin/backups/{name}/verify"] = "the same",
        ["POST /admin/backups"] = "as POST /api/admin/backups",
        ["POST /admin/backups/{name}/verify"] = "as POST /api/admin/backups/{name}/verify",
        ["POST /admin/backups/{name}/restore"] = "as POST /api/admin/import?dry_run=true",
        ["POST /admin/backups/restore"] = "receives a file, whose import follows",
        ["POST /admin/backups/restore/{id}"] = "as POST /api/admin/import",
        ["POST /api/worker/claim"] = "a worker's, which the submission names",
        ["POST /api/worker/submissions/{id}/heartbeat"] = "a worker's",
        ["POST /api/worker/submissions/{id}/complete"] = "a worker's",
        ["POST /api/worker/submissions/{id}/fail"] = "a worker's",
        ["POST /api/worker/submissions/{id}/release"] = "a worker's",
        ["POST /api/challenges/{challenge_id}/submissions"] = "a participant's, which the submission names",
        ["POST /api/xai/{challenge_id}"] = "a participant's",
        ["POST /api/account/logout"] = "one's own session",
        ["POST /api/account/password"] = "one's own password",
        ["POST /api/account/tokens"] = "the test below",
        ["DELETE /api/account/tokens/{id}"] = "the test below",
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_change_by_an_administrator_is_in_the_journal_with_its_actor()
    {
        using var admin = app.CreateAdmin();
        foreach (var (route, body, entry) in Changes)
        {
            await app.Database.ExecuteAsync(
                """
                DELETE FROM operations;
                INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
                VALUES ('1', 'One', '', now(), 'ada') ON CONFLICT DO NOTHING;
                INSERT INTO scores (id, username, challenge_id, status, created_at)
                VALUES (1, 'ada', '1', 'completed', now()) ON CONFLICT DO NOTHING;
                SELECT setval(pg_get_serial_sequence('scores', 'id'), (SELECT max(id) FROM scores));
                INSERT INTO submissions (id, score_id, file, size, sha256, original_name, attempts, counts, queued_at)
                VALUES (1, 1, 'one', 0, '', 'one.py', 1, true, now()) ON CONFLICT DO NOTHING
                """
            );
            var (method, path) = (route.Split(' ')[0], Parameter().Replace(route.Split(' ')[1], "1"));
            using var request = new HttpRequestMessage(new(method), path) { Content = ContentOf(route, body) };
            using var answer = await admin.SendAsync(request, Cancellation);
            var text = await answer.Content.ReadAsStringAsync(Cancellation);

            var found = await app.Database.ScalarAsync<string>(
                "SELECT string_agg(concat_ws(' ', kind, figures ->> 'action', actor), ',') FROM operations"
            );
            Assert.True(
                found?.StartsWith(entry, StringComparison.Ordinal) is true && found.EndsWith(" admin-key"),
                $"{route} answered {answer.StatusCode} ({text}) and left: {found}"
            );
        }
    }

    [Fact]
    public void No_route_that_gives_backups_away_is_forgotten() =>
        Assert.Equal(
            Readers.Keys.Order(),
            RoutesOf("GET").Where(route => route.Contains("/backups") || route.Contains("/export")).Order()
        );

    [Fact]
    public void No_route_that_changes_something_is_forgotten() =>
        Assert.Empty(
            RoutesOf("DELETE", "PATCH", "POST", "PUT")
                .Except(Changes.Select(change => change.Route))
                .Except(Others.Keys)
        );

    private IEnumerable<string> RoutesOf(params string[] methods)
    {
        return from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            where endpoint.Metadata.GetMetadata<IAuthorizeData>() is not null
            let path = $"/{endpoint.RoutePattern.RawText!.Trim('/')}"
            from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []
            where methods.Contains(method)
            select $"{method} {path.Replace(":long}", "}")}";
    }

    [Fact]
    public async Task Tokens_that_open_what_is_for_staff_and_accounts_that_an_administrator_makes_are_in_the_journal()
    {
        var staff = await app.RegisterAsync(isStaff: true);
        using var office = await app.SignInAsync(staff);
        await app.Database.ExecuteAsync("DELETE FROM operations");

        var (id, secret) = await AccountsApp.CreateTokenAsync(office, ["read", "admin"]);
        using var revoked = await office.DeleteAsync($"/api/account/tokens/{id}", Cancellation);
        var (own, _) = await AccountsApp.CreateTokenAsync(office, ["read"]);
        using var forgotten = await office.DeleteAsync($"/api/account/tokens/{own}", Cancellation);
        using var admin = app.CreateAdmin();
        var name = app.NewName();
        using var made = await admin.PostAsJsonAsync(
            "/api/account/register",
            AccountsApp.Registration(name),
            Cancellation
        );
        await app.RegisterAsync(); // by themself

        Assert.Equal(
            $"account create_token {staff} {staff}, account revoke_token {staff} {staff}, account create {name} admin-key",
            await app.Database.ScalarAsync<string>(
                """
                SELECT string_agg(concat_ws(' ', kind, figures ->> 'action', figures ->> 'username', actor), ', ' ORDER BY id)
                FROM operations
                """
            )
        );
        Assert.DoesNotContain(
            secret,
            await app.Database.ScalarAsync<string>("SELECT string_agg(figures::text, '') FROM operations")
        );
    }

    private static HttpContent? ContentOf(string route, string? body) =>
        (route, body) switch
        {
            (_, "fixture") => new StringContent(Fixture(Group()), Encoding.UTF8, "application/json"),
            (_, "") => null,
            (_, { } json) => new StringContent(json, null, "application/json"),
            ("POST /api/challenges" or "POST /api/challenge/create", _) => new MultipartFormDataContent
            {
                { new StringContent("New"), "title" },
                { new StringContent("what it is about"), "description" },
            },
            (['P', 'U', 'T', ..], _) => new MultipartFormDataContent
            {
                { new ByteArrayContent([1, 2, 3]), "file", "data.csv" },
            },
            _ => null,
        };

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
