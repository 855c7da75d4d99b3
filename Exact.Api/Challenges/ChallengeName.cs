using Microsoft.AspNetCore.Http.Features;

namespace Exact.Api.Challenges;

/// <summary>
/// Gives endpoints the name of the challenge as the address has it. Servers decode all of a path but <c>%2F</c>, so
/// that the name <c>a/b</c>, sent as <c>a%2Fb</c>, and the name <c>a%2Fb</c>, sent as <c>a%252Fb</c>, would look the
/// same.
/// </summary>
internal static class ChallengeName
{
    public static RouteGroupBuilder WithChallengeName(this RouteGroupBuilder group)
    {
        group.AddEndpointFilterFactory(
            (endpoint, next) =>
            {
                var parameters = endpoint.MethodInfo.GetParameters();
                var place = Array.FindIndex(parameters, parameter => parameter.Name == "challengeId");
                return place < 0
                    ? next
                    : context =>
                    {
                        context.Arguments[place] = Decode(context.HttpContext, (string)context.Arguments[place]!);
                        return next(context);
                    };
            }
        );
        return group;
    }

    /// <summary>The path of the request, encoded so that it leads to the same challenge again.</summary>
    public static string PathOf(HttpContext context)
    {
        var segments = context.Request.Path.Value!.Split('/');
        return context.Request.PathBase
            + string.Join('/', segments.Select(segment => Uri.EscapeDataString(Decode(context, segment))));
    }

    private static string Decode(HttpContext context, string value)
    {
        if (!value.Contains("%2F", StringComparison.OrdinalIgnoreCase))
        {
            return value;
        }

        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget.Split('?')[0] ?? "";
        var segment = target.Split('/').FirstOrDefault(sent => DecodeAllButSlash(sent) == value);
        return Uri.UnescapeDataString(segment ?? value);
    }

    private static string DecodeAllButSlash(string segment) =>
        Uri.UnescapeDataString(
            segment.Replace("%2F", "%252F", StringComparison.Ordinal).Replace("%2f", "%252f", StringComparison.Ordinal)
        );
}
