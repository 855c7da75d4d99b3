using static Exact.Infrastructure.Transfer.Mapping.FixtureTables;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>
/// The models of Exact that Django does not know. What must not travel has no field: leases, which end with their
/// worker.
/// </summary>
internal static class ExactModels
{
    private const string OfScoreOfChallenge =
        $"t.score_id IN (SELECT score.id FROM scores score WHERE score.challenge_id = {FixtureTable.TheChallenge})";

    /// <summary>Behind Django's models, to which they refer.</summary>
    public static readonly FixtureTable[] ParentsBeforeChildren =
    [
        new("exact.challengerules", "challenge_rules")
        {
            NaturalKey = "challenge_id",
            OfChallenge = FixtureTable.NamesChallenge,
            Fields =
            [
                Field("challenge_id", required: true),
                Field("opens_on"),
                Field("daily_limit"),
                Field("total_limit"),
                Field("max_bytes"),
                Field("accepted_types"),
                Field("hides_scores"),
            ],
        },
        new("exact.storedfile", "stored_files")
        {
            NaturalKey = "key",
            ReadWith = ["challenges", "scores", "submissions"],
            OfChallenge = $"""
                t.key IN (
                    SELECT unnest(ARRAY[c.dataset, c.mlmodel, c.xaimethod]) FROM challenges c
                    WHERE c.challenge_id = {FixtureTable.TheChallenge}
                    UNION ALL
                    SELECT b.file FROM submissions b JOIN scores score ON score.id = b.score_id
                    WHERE score.challenge_id = {FixtureTable.TheChallenge}
                )
                """,
            Fields =
            [
                StoredKey("key"),
                FileName(),
                Field("content_type", required: true) with
                {
                    Check = TextChecks.MediaType,
                },
                Field("size", required: true),
                Sha256(),
                Created(),
                Person("created_by", required: true),
            ],
        },
        new("exact.submission", "submissions")
        {
            NaturalKey = "score_id",
            ReadWith = ["scores"],
            OfChallenge = OfScoreOfChallenge,
            Fields =
            [
                Field("score", column: "score_id", required: true),
                StoredKey("file"),
                Field("size", required: true),
                Sha256(),
                FileName(),
                Field("attempts"),
                Field("counts"),
                Field("queued_at") with
                {
                    IsInvented = true,
                },
                Field("started_at"),
                Field("finished_at"),
                Text("log"),
            ],
        },
        new("exact.disqualification", "disqualifications")
        {
            NaturalKey = "score_id",
            ReadWith = ["scores"],
            OfChallenge = OfScoreOfChallenge,
            Fields =
            [
                Field("score", column: "score_id", required: true),
                Text("reason", required: true),
                Person("created_by", required: true),
                Created(),
            ],
        },
    ];

    private static FixtureField StoredKey(string name) =>
        Field(name, required: true) with
        {
            Check = TextChecks.StoredKey,
        };

    private static FixtureField FileName() =>
        Field("original_name", required: true) with
        {
            Redacted = Pseudonyms.FileName,
        };

    private static FixtureField Sha256() => Field("sha256", required: true) with { Check = TextChecks.Sha256 };
}
