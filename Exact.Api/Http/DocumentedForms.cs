using System.Text.Json.Nodes;
using Microsoft.OpenApi;

namespace Exact.Api.Http;

/// <summary>Describes forms in the OpenAPI document: no parameter binds them, because their files are streamed.</summary>
internal static class DocumentedForms
{
    /// <summary>Describes the form that an endpoint reads.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="description">What the parts have in common.</param>
    /// <param name="required">The names of the parts that must be there.</param>
    /// <param name="parts">The parts, in the order in which they are sent.</param>
    public static RouteHandlerBuilder TakesForm(
        this RouteHandlerBuilder endpoint,
        string description,
        string[] required,
        params (string Name, OpenApiSchema Schema)[] parts
    ) =>
        endpoint.AddOpenApiOperationTransformer(
            (operation, _, _) =>
            {
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = true,
                    Description = description,
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["multipart/form-data"] = new()
                        {
                            Schema = new OpenApiSchema
                            {
                                Type = JsonSchemaType.Object,
                                Properties = parts.ToDictionary(part => part.Name, part => (IOpenApiSchema)part.Schema),
                                Required = required.ToHashSet(),
                            },
                        },
                    },
                };
                return Task.CompletedTask;
            }
        );

    public static OpenApiSchema Text(string description, string example, int? maxLength = null) =>
        Part(JsonSchemaType.String, description, example, maxLength: maxLength);

    public static OpenApiSchema Time(string description, string example) =>
        Part(JsonSchemaType.String, description, example, "date-time");

    public static OpenApiSchema File(string description, string example) =>
        Part(JsonSchemaType.String, description, example, "binary");

    public static OpenApiSchema Flag(string description) => Part(JsonSchemaType.Boolean, description, true);

    /// <summary>A whole number from 1.</summary>
    public static OpenApiSchema Number(string description, long example)
    {
        var part = Part(JsonSchemaType.Integer, description, example);
        part.Minimum = "1";
        return part;
    }

    private static OpenApiSchema Part(
        JsonSchemaType type,
        string description,
        JsonNode example,
        string? format = null,
        int? maxLength = null
    ) =>
        new()
        {
            Type = type,
            Format = format,
            Description = description,
            MaxLength = maxLength,
            Examples = [example],
        };
}
