using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exact.Tests.Support;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfers;

/// <summary>The owner of the database has added rules of their own, and a file breaks one.</summary>
public sealed class RejectedDataTests(ExactApp app) : IClassFixture<ExactApp>
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ALTER TABLE roles ADD CONSTRAINT no_guests CHECK (name <> 'guests')", "no_guests")]
    [InlineData("ALTER TABLE roles ADD CONSTRAINT one_only EXCLUDE (lower(left(name, 1)) WITH =)", "one_only")]
    [InlineData(
        """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'guests may not come in' USING HINT = 'Ask the host.'; END $$;
            CREATE TRIGGER no_guests BEFORE INSERT ON roles FOR EACH ROW EXECUTE FUNCTION refuse()
            """,
        "guests may not come in (P0001, PL/pgSQL function refuse() line 2 at RAISE). Ask the host."
    )]
    [InlineData(
        """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'not at the end' USING ERRCODE = 'check_violation'; END $$;
            CREATE CONSTRAINT TRIGGER at_the_end AFTER INSERT ON roles DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse()
            """,
        "not at the end"
    )]
    [InlineData("ALTER TABLE roles ALTER COLUMN name TYPE varchar(3)", "value too long for type character varying(3)")]
    public async Task A_rule_of_the_database_is_named(string rule, string words)
    {
        await app.Database.ExecuteAsync(rule);
        using var admin = app.CreateAdmin();
        try
        {
            var file = Encoding.UTF8.GetBytes(Fixture(Group(1, "guests"), Group(2, "gulls")));
            using var answer = await admin.PostAsync(
                "/api/admin/import",
                new ByteArrayContent(file),
                CancellationToken
            );
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(CancellationToken);
            var operations = await admin.GetFromJsonAsync<JsonElement>(
                "/api/admin/operations?limit=1",
                CancellationToken
            );

            Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
            var error = problem.GetProperty("errors")[0].GetProperty("detail").GetString();
            Assert.Contains(words, error, StringComparison.Ordinal);
            Assert.Equal("failed", operations[0].GetProperty("state").GetString());
            Assert.Contains(words, operations[0].GetProperty("error").GetString(), StringComparison.Ordinal);
            Assert.Equal(0, await app.Database.ScalarAsync<long>("SELECT count(*) FROM roles"));
        }
        finally
        {
            await app.Database.ExecuteAsync(
                """
                ALTER TABLE roles DROP CONSTRAINT IF EXISTS no_guests, DROP CONSTRAINT IF EXISTS one_only;
                ALTER TABLE roles ALTER COLUMN name TYPE varchar(150);
                DROP FUNCTION IF EXISTS refuse CASCADE
                """
            );
        }
    }
}
