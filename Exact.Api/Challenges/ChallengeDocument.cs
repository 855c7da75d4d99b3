using System.Globalization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exact.Api.Challenges;

/// <summary>Describes the form of a new challenge in the OpenAPI document: no parameter binds it.</summary>
internal static class ChallengeDocument
{
    public static Task DescribeForm(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var properties = new Dictionary<string, IOpenApiSchema>
        {
            ["challenge_id"] = Text("The public name; by default a random one.", 100),
            ["title"] = Text("The title.", ChallengeFields.MaxTitle),
            ["description"] = Text("The description.", ChallengeFields.MaxDescription),
            ["opens_on"] = Time("When submissions begin; now by default."),
            ["closes_on"] = Time("When submissions end; that moment itself is too late. Never by default."),
            ["rules"] = Text("The rules below as one JSON object.", null),
            ["daily_limit"] = Number("How many submissions a participant has each day, in UTC."),
            ["total_limit"] = Number("How many submissions a participant has in all."),
            ["max_bytes"] = Number("The largest submitted file, in bytes."),
            ["accepted_types"] = Text("The accepted extensions, separated by commas, such as .py,.zip.", 200),
            ["hides_scores"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Boolean,
                Description = "Whether only the organiser sees the scores of others until the challenge closes.",
            },
        };
        foreach (var file in ChallengeForm.Files)
        {
            properties[file] = new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Format = "binary",
                Description = "A file. All files come after the fields.",
            };
        }

        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Content = new Dictionary<string, OpenApiMediaType>
            {
                ["multipart/form-data"] = new()
                {
                    Schema = new OpenApiSchema
                    {
                        Type = JsonSchemaType.Object,
                        Properties = properties,
                        Required = new HashSet<string> { "title" },
                    },
                },
            },
        };
        return Task.CompletedTask;
    }

    private static OpenApiSchema Text(string description, int? maxLength) =>
        new()
        {
            Type = JsonSchemaType.String,
            Description = description,
            MaxLength = maxLength,
        };

    private static OpenApiSchema Time(string description) =>
        new()
        {
            Type = JsonSchemaType.String,
            Format = "date-time",
            Description = description,
        };

    private static OpenApiSchema Number(string description) =>
        new()
        {
            Type = JsonSchemaType.Integer,
            Description = description,
            Minimum = 1.ToString(CultureInfo.InvariantCulture),
        };
}
