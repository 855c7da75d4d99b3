using Exact.Api.Http;
using Microsoft.OpenApi;

namespace Exact.Api.Challenges;

using static DocumentedForms;

/// <summary>Describes the forms of challenges in the OpenAPI document.</summary>
internal static class ChallengeDocument
{
    public const string FieldsFirst = "The fields come before the files.";

    /// <summary>The parts of the form of a new challenge.</summary>
    public static (string Name, OpenApiSchema Schema)[] Form =>
        [
            ("challenge_id", Text("The public name; by default a random one.", "tetris-saliency", 100)),
            Title,
            Description,
            ("opens_on", Time("When submissions begin; now by default.", "2026-12-01T09:00:00Z")),
            ClosesOn,
            ("rules", Text("The rules below as one JSON object.", """{"daily_limit": 5}""")),
            ("daily_limit", Number("How many submissions a participant has each day, in UTC.", 5)),
            ("total_limit", Number("How many submissions a participant has in all.", 100)),
            ("max_bytes", Number("The largest submitted file, in bytes.", 1048576)),
            ("accepted_types", Text("The accepted extensions, separated by commas.", ".py,.zip", 200)),
            ("hides_scores", Flag("Whether only the organiser sees the scores of others until the challenge closes.")),
            .. ChallengeForm.Files.Select(file => (file, FileOf(file))),
        ];

    public static (string Name, OpenApiSchema Schema) Title =>
        ("title", Text("The title.", "Tetris saliency", ChallengeFields.MaxTitle));

    public static (string Name, OpenApiSchema Schema) Description =>
        ("description", Text("The description.", "Explain which tiles matter.", ChallengeFields.MaxDescription));

    public static (string Name, OpenApiSchema Schema) ClosesOn =>
        (
            "closes_on",
            Time("When submissions end; that moment itself is too late. Never by default.", "2027-01-31T23:00:00Z")
        );

    public static OpenApiSchema FileOf(string kind) => File($"The {kind}.", $"(the bytes of the {kind})");
}
