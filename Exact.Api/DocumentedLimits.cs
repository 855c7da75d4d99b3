using System.Globalization;
using System.Text.Json;
using FluentValidation;
using FluentValidation.Validators;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exact.Api;

/// <summary>Writes the limits of the validators into the OpenAPI document.</summary>
internal sealed class DocumentedLimits : IOpenApiSchemaTransformer
{
    public Task TransformAsync(
        OpenApiSchema schema,
        OpenApiSchemaTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        var validator = typeof(IValidator<>).MakeGenericType(context.JsonTypeInfo.Type);
        if (
            schema.Properties is { Count: > 0 } properties
            && context.ApplicationServices.GetService(validator) is IValidator found
        )
        {
            foreach (var member in found.CreateDescriptor().GetMembersWithValidators())
            {
                var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Key);
                if (properties.TryGetValue(name, out var one) && one is OpenApiSchema property)
                {
                    foreach (var (rule, _) in member)
                    {
                        Describe(property, rule);
                    }
                }
            }
        }

        return Task.CompletedTask;
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
