using System.Reflection;

namespace Exact.Api;

/// <summary>The query parameters of an endpoint: those with <see cref="QueryAttribute"/>.</summary>
internal static class QueryParameters
{
    /// <summary>The query parameters, each with its type.</summary>
    public static IEnumerable<(QueryAttribute Query, Type Type)> Of(MethodInfo? endpoint) =>
        from parameter in endpoint?.GetParameters() ?? []
        from bound in parameter.IsDefined(typeof(AsParametersAttribute), inherit: false)
            ? parameter.ParameterType.GetConstructors()[0].GetParameters()
            : [parameter]
        let query = bound.GetCustomAttribute<QueryAttribute>()
        where query is not null
        select (query, Nullable.GetUnderlyingType(bound.ParameterType) ?? bound.ParameterType);

    /// <summary>Refuses unknown query parameters, for endpoints where ignoring a mistyped <c>dry_run</c> does harm.</summary>
    public static RouteHandlerBuilder RefuseUnknownParameters(this RouteHandlerBuilder endpoint) =>
        endpoint.AddEndpointFilterFactory(
            (handler, next) =>
            {
                var known = Of(handler.MethodInfo).Select(parameter => parameter.Query.Name).OfType<string>().ToList();
                string[] detail = [$"There is no such parameter. It must be one of {string.Join(", ", known)}."];
                return context =>
                {
                    var given = context.HttpContext.Request.Query.Keys;
                    var errors = given
                        .Except(known, StringComparer.OrdinalIgnoreCase)
                        .ToDictionary(name => name, _ => detail);
                    return errors.Count == 0 ? next(context) : new(TypedResults.ValidationProblem(errors));
                };
            }
        );
}
