using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Exact.Api.Http;
using Exact.Domain;

namespace Exact.Api.Challenges;

/// <summary>Turns the form of a new challenge into the fields that JSON would have.</summary>
internal static partial class ChallengeForm
{
    /// <summary>The parts that are files.</summary>
    public static readonly string[] Files = ["dataset", "mlmodel", "xaimethod"];

    /// <summary>The name of the property that has the key of this file.</summary>
    public static string PropertyOf(string kind) =>
        kind switch
        {
            "dataset" => nameof(Challenge.Dataset),
            "mlmodel" => nameof(Challenge.Mlmodel),
            _ => nameof(Challenge.Xaimethod),
        };

    private static readonly string[] RuleNames =
    [
        "daily_limit",
        "total_limit",
        "max_bytes",
        "accepted_types",
        "hides_scores",
    ];

    /// <summary>The parts that are not files.</summary>
    public static readonly string[] Names =
    [
        "challenge_id",
        "title",
        "description",
        "opens_on",
        "closes_on",
        "rules",
        .. RuleNames,
    ];

    /// <summary>The fields that have been read, and the name that the organiser has chosen.</summary>
    public static (string? ChallengeId, ChallengeFields Fields) Parse(IReadOnlyDictionary<string, string> sent)
    {
        var json = new JsonObject();
        string? challengeId = null;
        foreach (var (name, value) in sent)
        {
            if (name is "challenge_id")
            {
                challengeId = value is "" ? null : value;
            }
            else if (name is "rules")
            {
                foreach (var (rule, one) in ParseRules(value))
                {
                    RulesOf(json)[rule] = one?.DeepClone();
                }
            }
            else if (RuleNames.Contains(name))
            {
                RulesOf(json)[name] = ParseRule(name, value);
            }
            else
            {
                json[name] = value is "" && name is "opens_on" or "closes_on" ? null : value; // an empty input
            }
        }

        return (challengeId, ChallengeFields.Read(json));
    }

    /// <summary>Whether the name can be written in an address as it is.</summary>
    public static bool IsPlain(string challengeId) => Plain().IsMatch(challengeId);

    private static readonly JsonDocumentOptions Once = new() { AllowDuplicateProperties = false };

    private static JsonObject RulesOf(JsonObject json)
    {
        if (json["rules"] is not JsonObject rules)
        {
            json["rules"] = rules = [];
        }

        return rules;
    }

    private static JsonObject ParseRules(string value)
    {
        try
        {
            return value is ""
                ? []
                : JsonNode.Parse(value, documentOptions: Once) as JsonObject ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new FormPartException(
                "rules",
                "The field rules must be a JSON object, such as {\"daily_limit\": 5}. Nothing was changed."
            );
        }
    }

    private static JsonNode? ParseRule(string name, string value) =>
        (name, value) switch
        {
            (_, "") => name is "hides_scores" ? false : null,
            ("accepted_types", _) => new JsonArray([.. value.Split(',').Select(type => (JsonNode)type.Trim())]),
            ("hides_scores", _) => value.ToLowerInvariant() switch
            {
                "true" or "on" or "1" => true,
                "false" or "off" or "0" => false,
                _ => value,
            },
            _ => long.TryParse(value, CultureInfo.InvariantCulture, out var number) ? number : value,
        };

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    private static partial Regex Plain();
}
