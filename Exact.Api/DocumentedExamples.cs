using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exact.Api;

/// <summary>
/// Gives each body in the OpenAPI document its example: that of its contract, which stands in the contract's XML comment.
/// </summary>
internal sealed class DocumentedExamples : IOpenApiDocumentTransformer
{
    public Task TransformAsync(
        OpenApiDocument document,
        OpenApiDocumentTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        foreach (var operation in document.Paths.Values.SelectMany(path => path.Operations!.Values))
        {
            var answers = operation.Responses!.Where(answer => answer.Key[0] == '2').Select(one => one.Value.Content);
            var bodies = answers.Append(operation.RequestBody?.Content).OfType<IDictionary<string, OpenApiMediaType>>();
            foreach (var (type, body) in bodies.SelectMany(all => all))
            {
                body.Example ??= ExampleOf(body.Schema);
                Flatten(type, body);
            }
        }

        return Task.CompletedTask;
    }

    private static JsonNode? ExampleOf(IOpenApiSchema? schema) =>
        schema?.Examples is [{ } example, ..] ? example.DeepClone()
        : schema is { Type: JsonSchemaType.Array, Items: { } items } && ExampleOf(items) is { } item
            ? new JsonArray(item)
        : schema is { Properties: { Count: > 0 } properties }
            ? new JsonObject(properties.Select(one => KeyValuePair.Create(one.Key, ExampleOf(one.Value))))
        : null;

    /// <summary>Rows that are no JSON array are text.</summary>
    private static void Flatten(string type, OpenApiMediaType body)
    {
        if (type is AllRows.Lines or AllRows.Csv && body.Example is JsonArray rows)
        {
            var row = rows[0]!.AsObject();
            body.Schema = new OpenApiSchema { Type = JsonSchemaType.String };
            body.Example =
                type is AllRows.Lines
                    ? $"{row.ToJsonString()}\n"
                    : $"{string.Join(',', row.Select(one => one.Key))}\r\n{string.Join(',', row.Select(one => one.Value))}\r\n";
        }
    }
}
