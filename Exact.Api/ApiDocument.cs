using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exact.Api.Access;
using Exact.Api.Challenges;
using Exact.Api.Legacy;
using Exact.Api.Startup;
using Exact.Infrastructure;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exact.Api;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>, and Swagger UI over it at <c>/swagger</c>.</summary>
internal static class ApiDocument
{
    public static IServiceCollection AddApiDocument(this IServiceCollection services) =>
        services.AddOpenApi(options =>
        {
            options.AddDocumentTransformer(DescribeApiAsync);
            options.AddDocumentTransformer<SecuritySchemes>();
            options.AddOperationTransformer<SecuritySchemes>();
            options.AddOperationTransformer(DescribeQueryAsync);
            options.AddOperationTransformer(DescribeBodyAsync);
            options.AddOperationTransformer(DescribeAnswersAsync);
            options.AddSchemaTransformer(DescribeChoiceAsync);
            options.AddSchemaTransformer(DescribeConvertedAsync);
            options.AddSchemaTransformer<DocumentedLimits>();
            options.AddOperationTransformer<DocumentedLimits>();
            options.AddDocumentTransformer<DocumentedExamples>();
        });

    public static void MapApiDocument(this WebApplication app)
    {
        app.MapOpenApi().AvailableAtAnyTime();
        app.UseSwaggerUI(ui =>
        {
            ui.SwaggerEndpoint("../openapi/v1.json", "Exact"); // below any path prefix
            ui.DocumentTitle = "Exact";
        });
    }

    private static Task DescribeApiAsync(
        OpenApiDocument document,
        OpenApiDocumentTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        document.Info.Title = "Exact";
        document.Info.Version = Product.Version;
        document.Info.Description =
            "Challenges, scores and leaderboards for methods that explain machine-learning models.";
        return Task.CompletedTask;
    }

    private static Task DescribeQueryAsync(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var endpoint = context.Description.ActionDescriptor.EndpointMetadata.OfType<MethodInfo>().FirstOrDefault();
        var descriptions = QueryParameters
            .Of(endpoint)
            .ToDictionary(parameter => parameter.Query.Name!, parameter => parameter.Query.Description);
        foreach (var parameter in operation.Parameters ?? [])
        {
            parameter.Description ??= descriptions.GetValueOrDefault(parameter.Name ?? "");
            if (parameter.Schema is OpenApiSchema schema && schema.Default?.ToString() == $"{ChallengeQuery.All}")
            {
                schema.Default = null; // stands for no limit
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>Documents an answer that is a string or a file, with an example.</summary>
    public static RouteHandlerBuilder ProducesText(this RouteHandlerBuilder endpoint, string type, JsonNode example) =>
        endpoint.AddOpenApiOperationTransformer(
            (operation, _, _) =>
            {
                operation.Responses ??= [];
                operation.Responses.TryAdd("200", new OpenApiResponse { Description = "OK" });
                if (operation.Responses["200"] is OpenApiResponse answer)
                {
                    answer.Content ??= new Dictionary<string, OpenApiMediaType>();
                    answer.Content[type] = new OpenApiMediaType
                    {
                        Schema = example is JsonValue ? new OpenApiSchema { Type = JsonSchemaType.String } : null,
                        Example = example,
                    };
                }

                return Task.CompletedTask;
            }
        );

    /// <summary>Describes a body that is bound as JSON of any kind, by the contract that it is read as.</summary>
    private static async Task DescribeBodyAsync(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (
            context.Description.ParameterDescriptions.Any(parameter => parameter.Type == typeof(JsonElement))
            && metadata.OfType<IAcceptsMetadata>().Select(one => one.RequestType).FirstOrDefault(IsContract)
                is { } contract
        )
        {
            var schema = await context.GetOrCreateSchemaAsync(contract, null, cancellationToken);
            foreach (var body in operation.RequestBody?.Content?.Values ?? [])
            {
                body.Schema = schema;
            }
        }

        static bool IsContract(Type? type) => type is not null && type != typeof(JsonElement);
    }

    /// <summary>Describes what every endpoint may answer, the form of errors, and the headers of a page.</summary>
    private static Task DescribeAnswersAsync(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        operation.Responses ??= [];
        operation.Responses.TryAdd("400", new OpenApiResponse { Description = "A parameter is unknown or wrong." });
        operation.Responses.TryAdd("429", new OpenApiResponse { Description = "Too many requests of this address." });
        operation.Responses.TryAdd("503", new OpenApiResponse { Description = "The database does not answer yet." });
        if (context.Description.HttpMethod != HttpMethods.Get)
        {
            operation.Responses.TryAdd("403", new OpenApiResponse { Description = "Another site sent the request." });
        }

        var isLegacy = context.Description.ActionDescriptor.EndpointMetadata.Contains(LegacyErrors.Mark);
        var (type, error) = isLegacy
            ? ("application/json", nameof(LegacyError))
            : ("application/problem+json", nameof(ProblemDetails));
        var form = new OpenApiMediaType { Schema = new OpenApiSchemaReference(error, context.Document) };
        foreach (var bare in operation.Responses.Where(answer => answer.Key[0] is '4' or '5').Select(one => one.Value))
        {
            if (bare is OpenApiResponse { Content: null or { Count: 0 } } refusal)
            {
                refusal.Content = new Dictionary<string, OpenApiMediaType> { [type] = form };
            }
        }

        if (
            operation.Parameters?.Any(parameter => parameter.Name == "cursor") is true
            && operation.Responses.GetValueOrDefault("200") is OpenApiResponse page
        )
        {
            page.Headers = new Dictionary<string, IOpenApiHeader>
            {
                ["Link"] = new OpenApiHeader { Description = "The address of the next page, if there is one." },
                [Paging.TotalHeader] = new OpenApiHeader
                {
                    Description = "How many rows the whole list has, where that is known or asked for.",
                },
            };
        }

        return Task.CompletedTask;
    }

    /// <summary>Describes a <see cref="Choice{T}"/> as one of its names.</summary>
    private static Task DescribeChoiceAsync(
        OpenApiSchema schema,
        OpenApiSchemaTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        if (Choice.NamesOf(context.JsonTypeInfo.Type) is { } names)
        {
            schema.Type = JsonSchemaType.String;
            schema.Properties = null;
            schema.Required = null;
            schema.Enum = [.. names.Select(name => JsonValue.Create(name))];
            schema.Default = JsonValue.Create(names.First());
        }

        return Task.CompletedTask;
    }

    /// <summary>Gives values with a converter of ours their type, which the framework cannot know.</summary>
    private static Task DescribeConvertedAsync(
        OpenApiSchema schema,
        OpenApiSchemaTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var type = context.JsonTypeInfo.Type;
        var value = Nullable.GetUnderlyingType(type);
        var orNull = value is null ? default : JsonSchemaType.Null;
        if ((value ?? type) == typeof(DateTimeOffset))
        {
            (schema.Type, schema.Format) = (JsonSchemaType.String | orNull, "date-time");
        }
        else if ((value ?? type) == typeof(double))
        {
            // NaN and infinity are written as null
            (schema.Type, schema.Format) = (JsonSchemaType.Number | JsonSchemaType.Null, "double");
        }

        return Task.CompletedTask;
    }
}
