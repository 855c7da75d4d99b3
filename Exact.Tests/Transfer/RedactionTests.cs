using System.Text;
using System.Text.RegularExpressions;
using Exact.Infrastructure.Transfer.Exporting;
using Exact.Infrastructure.Transfer.Mapping;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>An export with <c>redact=people</c> tells nothing about anybody, and can still be imported.</summary>
public sealed partial class RedactionTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>
{
    private static readonly ExportOptions WithoutPeople = new() { Redact = Redaction.People };

    /// <summary>Strings that are not about people. A new field must be redacted, or belong here.</summary>
    private static readonly string[] Kept =
    [
        "auth.group.name",
        "api.challenge.challenge_id",
        "api.challenge.title",
        "api.challenge.description",
        "api.challenge.dataset",
        "api.challenge.mlmodel",
        "api.challenge.xaimethod",
        "api.score.challenge_id",
        "api.score.method_name",
        "api.score.status",
        "exact.challengerules.challenge_id",
        "exact.challengerules.accepted_types",
        "exact.storedfile.key",
        "exact.storedfile.content_type",
        "exact.storedfile.sha256",
        "exact.submission.file",
        "exact.submission.sha256",
    ];

    [Fact]
    public async Task Nobody_is_named_everybody_has_one_pseudonym_and_the_file_imports_again()
    {
        const string Secret = "\"Ada Lovelace\"";
        await database.ExecuteAsync(
            "INSERT INTO data_protection_keys (friendly_name, xml) VALUES ('key', '<key>the secret</key>')"
        );
        await database.ImportedAsync(
            Fixture(
                User(1, "ada", $"\"email\": \"ada@example.org\", \"first_name\": {Secret}, \"last_name\": {Secret}"),
                User(2, "bob"),
                Company(
                    fields: $"\"name\": {Secret}, \"description\": {Secret}, \"website\": \"https://ada.example.org\""
                ),
                Challenge(),
                Score(1, fields: $"\"error_message\": {Secret}"),
                Score(2, fields: "\"username\": \"a guest\""),
                Stored(fields: "\"original_name\": \"ada.tar.py\""),
                Submission(fields: $"\"log\": {Secret}, \"original_name\": \"Ada\""),
                Disqualification(fields: $"\"reason\": {Secret}")
            )
        );

        var redacted = Encoding.UTF8.GetString(await database.ExportAsync(WithoutPeople));

        Assert.DoesNotMatch("(?i)ada|lovelace|bob|guest|acme|pbkdf2", redacted);
        Assert.Equal(3, Person().Matches(redacted).Select(match => match.Value).Distinct().Count());
        Assert.Equal(
            new HashSet<int> { 1, 6 }, // ada: a name, an e-mail, a challenge, a score, a file, a disqualification
            [.. Person().Matches(redacted).GroupBy(match => match.Value).Select(all => all.Count())]
        );
        Assert.Contains("\"email\": \"person-", redacted);
        Assert.Contains("\"original_name\": \"file.py\"", redacted);
        Assert.Equal(redacted, Encoding.UTF8.GetString(await database.ExportAsync(WithoutPeople))); // stable

        await database.EmptyAsync();
        await database.ImportedAsync(redacted);
        Assert.Equal(redacted, Encoding.UTF8.GetString(await database.ExportAsync()));
    }

    [Fact]
    public void Every_string_is_redacted_or_is_not_about_people() =>
        Assert.Equal(
            Kept.Order(),
            database
                .Tables.All.SelectMany(table =>
                    table
                        .Fields.Where(field => field is { Kind: FixtureKind.Text, Redacted: null })
                        .Select(field => $"{table.Label}.{field.Name}")
                )
                .Order()
        );

    [GeneratedRegex("person-[0-9a-f]{16}")]
    private static partial Regex Person();
}
