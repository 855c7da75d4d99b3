using Exact.Infrastructure.Database;

namespace Exact.Api.Http;

/// <summary>The web pages of other origins that may use the API with the caller's cookie: <c>Cors:Origins</c>.</summary>
internal static class AllowedOrigins
{
    private const string Setting = "Cors:Origins";

    public static void AddAllowedOrigins(this WebApplicationBuilder builder)
    {
        var origins = builder
            .Configuration.GetSection(Setting)
            .GetChildren()
            .Select(child => child.Value)
            .Append(builder.Configuration[Setting])
            .OfType<string>()
            .SelectMany(list => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Select(origin => origin.TrimEnd('/'))
            .ToArray();
        if (Array.Find(origins, origin => !IsOrigin(origin)) is { } wrong)
        {
            throw new SettingException(
                Setting,
                $"must list origins, separated by commas, such as https://example.org; \"{wrong}\" is not one."
            );
        }

        builder.Services.AddCors(cors =>
            cors.AddDefaultPolicy(policy =>
                policy
                    .WithOrigins(origins)
                    .AllowAnyMethod()
                    .AllowAnyHeader()
                    .AllowCredentials()
                    .WithExposedHeaders(
                        "Content-Disposition",
                        "ETag",
                        "Link",
                        "Location",
                        "Retry-After",
                        Paging.TotalHeader
                    )
            )
        );
    }

    private static bool IsOrigin(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.GetLeftPart(UriPartial.Authority).Equals(origin, StringComparison.OrdinalIgnoreCase);
}
