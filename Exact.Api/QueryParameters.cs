using System.Reflection;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api;

/// <summary>The query parameters of an endpoint.</summary>
internal static class QueryParameters
{
    /// <summary>The parameters that may come from the query, by name.</summary>
    public static IEnumerable<(string Name, Type Type)> Of(Endpoint? endpoint) =>
        from bound in Bound(endpoint)
        let name = NameOf(bound) ?? bound.Name!
        select (name, Nullable.GetUnderlyingType(bound.ParameterType) ?? bound.ParameterType);

    /// <summary>
    /// Refuses parameters that the endpoint does not have: for endpoints where to pass over a mistyped <c>dry_run</c> does harm. The endpoint's
    /// own are those with <see cref="FromQueryAttribute"/>.
    /// </summary>
    public static RouteHandlerBuilder RefuseUnknownParameters(this RouteHandlerBuilder endpoint) =>
        endpoint.AddEndpointFilter(
            (context, next) =>
            {
                var known = Bound(context.HttpContext.GetEndpoint()).Select(NameOf).OfType<string>().ToList();
                var unknown = context.HttpContext.Request.Query.Keys.Except(known, StringComparer.OrdinalIgnoreCase);
                string[] detail = [$"There is no such parameter; there are: {string.Join(", ", known)}."];
                var errors = unknown.ToDictionary(name => name, _ => detail);
                return errors.Count == 0 ? next(context) : new(TypedResults.ValidationProblem(errors));
            }
        );

    private static IEnumerable<ParameterInfo> Bound(Endpoint? endpoint) =>
        from parameter in endpoint?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>() ?? []
        from bound in parameter.ParameterInfo.IsDefined(typeof(AsParametersAttribute), inherit: false)
            ? parameter.ParameterInfo.ParameterType.GetConstructors()[0].GetParameters()
            : [parameter.ParameterInfo]
        select bound;

    private static string? NameOf(ParameterInfo parameter) => parameter.GetCustomAttribute<FromQueryAttribute>()?.Name;
}
