using System.Globalization;
using System.Reflection;
using System.Text.Json;
using FluentValidation;
using FluentValidation.Validators;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exact.Api;

/// <summary>Writes the limits of the validators into the OpenAPI document.</summary>
internal sealed class DocumentedLimits : IOpenApiSchemaTransformer, IOpenApiOperationTransformer
{
    /// <summary>Describes the parameters of a query, which is no schema.</summary>
    public Task TransformAsync(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var endpoint = context.Description.ActionDescriptor.EndpointMetadata.OfType<MethodInfo>().FirstOrDefault();
        var query = endpoint
            ?.GetParameters()
            .SingleOrDefault(one => one.IsDefined(typeof(AsParametersAttribute), false));
        if (query is not null)
        {
            var parameters = operation
                .Parameters!.Where(parameter => parameter is { In: ParameterLocation.Query, Schema: not null })
                .ToDictionary(parameter => parameter.Name!, parameter => parameter.Schema!);
            Describe(parameters, query.ParameterType, context.ApplicationServices);
        }

        return Task.CompletedTask;
    }

    public Task TransformAsync(
        OpenApiSchema schema,
        OpenApiSchemaTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        if (schema.Properties is { Count: > 0 } properties)
        {
            Describe(properties, context.JsonTypeInfo.Type, context.ApplicationServices);
        }

        return Task.CompletedTask;
    }

    private static void Describe(IDictionary<string, IOpenApiSchema> members, Type contract, IServiceProvider services)
    {
        var validator = services.GetService(typeof(IValidator<>).MakeGenericType(contract)) as IValidator;
        foreach (var member in validator?.CreateDescriptor().GetMembersWithValidators().AsEnumerable() ?? [])
        {
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Key);
            if (members.TryGetValue(name, out var one) && one is OpenApiSchema schema)
            {
                foreach (var (rule, _) in member)
                {
                    Describe(schema, rule);
                }
            }
        }
    }

    private static void Describe(OpenApiSchema property, IPropertyValidator rule)
    {
        switch (rule)
        {
            case ILengthValidator length:
                property.MinLength = length.Min > 0 ? length.Min : property.MinLength;
                property.MaxLength = length.Max > 0 ? length.Max : property.MaxLength;
                break;
            case INotEmptyValidator when property.Type is JsonSchemaType.String:
                property.MinLength ??= 1;
                break;
            case INotEmptyValidator when property.Type is JsonSchemaType.Array:
                property.MinItems ??= 1;
                break;
            case IBetweenValidator between:
                property.Minimum = Text(between.From);
                property.Maximum = Text(between.To);
                break;
            case IComparisonValidator { Comparison: Comparison.GreaterThanOrEqual, ValueToCompare: { } least }:
                property.Minimum = Text(least);
                break;
            case IComparisonValidator { Comparison: Comparison.LessThanOrEqual, ValueToCompare: { } most }:
                property.Maximum = Text(most);
                break;
        }
    }

    private static string? Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture);
}
