using Microsoft.OpenApi;

namespace Exact.Api.Legacy;

/// <summary>Describes the forms of the legacy client in the OpenAPI document: no parameter binds them.</summary>
internal static class LegacyForms
{
    public static RouteHandlerBuilder TakesForm(this RouteHandlerBuilder endpoint, string[] fields, string[] files) =>
        endpoint.AddOpenApiOperationTransformer(
            (operation, _, _) =>
            {
                operation.RequestBody = new OpenApiRequestBody
                {
                    Required = true,
                    Description = "The parts may come in any order. Others are skipped.",
                    Content = new Dictionary<string, OpenApiMediaType>
                    {
                        ["multipart/form-data"] = new()
                        {
                            Schema = new OpenApiSchema
                            {
                                Type = JsonSchemaType.Object,
                                Properties = fields
                                    .Select(name => (name, format: (string?)null))
                                    .Concat(files.Select(name => (name, format: (string?)"binary")))
                                    .ToDictionary(part => part.name, part => Part(part.format)),
                            },
                        },
                    },
                };
                return Task.CompletedTask;
            }
        );

    private static IOpenApiSchema Part(string? format) =>
        new OpenApiSchema { Type = JsonSchemaType.String, Format = format };
}
