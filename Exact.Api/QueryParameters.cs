using System.Collections.Concurrent;
using System.Reflection;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Api;

/// <summary>The query parameters of an endpoint: those with <see cref="QueryAttribute"/>.</summary>
internal static class QueryParameters
{
    private static readonly ConcurrentDictionary<MethodInfo, Dictionary<string, Type>> Known = new();

    /// <summary>The query parameters, each with its type.</summary>
    public static IEnumerable<(QueryAttribute Query, Type Type)> Of(MethodInfo? endpoint) =>
        from parameter in endpoint?.GetParameters() ?? []
        from bound in parameter.IsDefined(typeof(AsParametersAttribute), inherit: false)
            ? parameter.ParameterType.GetConstructors()[0].GetParameters()
            : [parameter]
        let query = bound.GetCustomAttribute<QueryAttribute>()
        where query is not null
        select (query, Nullable.GetUnderlyingType(bound.ParameterType) ?? bound.ParameterType);

    /// <summary>
    /// Refuses parameters that the endpoint does not know or that no value can have, wherever the request goes.
    /// </summary>
    /// <remarks>Ignoring a mistyped <c>dry_run</c> does harm.</remarks>
    public static void UseKnownParameters(this IApplicationBuilder app) =>
        app.Use(
            (context, next) =>
                context.GetEndpoint() is { } endpoint && Mistakes(context.Request, endpoint) is { Count: > 0 } errors
                    ? TypedResults.ValidationProblem(errors).ExecuteAsync(context)
                    : next(context)
        );

    private static Dictionary<string, string[]> Mistakes(HttpRequest request, Endpoint endpoint)
    {
        var known = endpoint.Metadata.GetMetadata<MethodInfo>() is { } method ? Known.GetOrAdd(method, TypesOf) : [];
        var errors = new Dictionary<string, string[]>();
        foreach (var (name, values) in request.Query)
        {
            var mistake = !known.TryGetValue(name, out var type)
                ? Unknown(name, known.Keys)
                : (
                    values.Count > 1
                        ? "Name this parameter once."
                        : FindUnusable(values.ToString()) ?? FindMisfit(values.ToString(), type)
                );
            if (mistake is not null)
            {
                errors[name] = [mistake];
            }
        }

        foreach (var (name, value) in request.RouteValues)
        {
            if (FindUnusable(value as string) is { } mistake)
            {
                errors[name] = [mistake];
            }
        }

        return errors;
    }

    private static Dictionary<string, Type> TypesOf(MethodInfo method) =>
        Of(method).ToDictionary(one => one.Query.Name!, one => one.Type, StringComparer.OrdinalIgnoreCase);

    private static string Unknown(string name, IReadOnlyCollection<string> known) =>
        known.Count == 0 ? "There is no such parameter. This address takes none."
        : Suggestion.For(name, known) is { } meant ? $"There is no such parameter. Did you mean {meant}?"
        : $"There is no such parameter. It must be one of {string.Join(", ", known)}.";

    /// <summary>A value that its parameter does not accept. The framework would answer such a request without a reason.</summary>
    private static string? FindMisfit(string value, Type type) =>
        Choice.NamesOf(type) is { } names && !names.Contains(value)
            ? $"Must be one of {string.Join(", ", names)}, not \"{value}\"."
        : type == typeof(int) && !int.TryParse(value, out _) ? $"Must be a whole number, not \"{value}\"."
        : type == typeof(bool) && !bool.TryParse(value, out _) ? $"Must be true or false, not \"{value}\"."
        : null;

    /// <summary>PostgreSQL has no string with the character U+0000.</summary>
    private static string? FindUnusable(string? value) =>
        value?.Contains('\0') is true ? "Must not contain the character U+0000." : null;
}
