using System.Collections.Concurrent;
using System.Reflection;
using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Api;

/// <summary>The query parameters of an endpoint: those with <see cref="QueryAttribute"/>.</summary>
internal static class QueryParameters
{
    private static readonly ConcurrentDictionary<MethodInfo, string[]> Names = new();

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
        var errors = new Dictionary<string, string[]>();
        foreach (var (name, values) in request.Query)
        {
            var mistake =
                FindUnknown(name, endpoint)
                ?? (values.Count > 1 ? "Name this parameter once." : FindUnusable(values.ToString()));
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

    private static string? FindUnknown(string name, Endpoint endpoint)
    {
        var known = endpoint.Metadata.GetMetadata<MethodInfo>() is { } method
            ? Names.GetOrAdd(method, of => [.. Of(of).Select(parameter => parameter.Query.Name!)])
            : [];
        return known.Contains(name, StringComparer.OrdinalIgnoreCase) ? null
            : known is [] ? "There is no such parameter. This address takes none."
            : Suggestion.For(name, known) is { } meant ? $"There is no such parameter. Did you mean {meant}?"
            : $"There is no such parameter. It must be one of {string.Join(", ", known)}.";
    }

    /// <summary>PostgreSQL has no string with the character U+0000.</summary>
    private static string? FindUnusable(string? value) =>
        value?.Contains('\0') is true ? "Must not contain the character U+0000." : null;
}
