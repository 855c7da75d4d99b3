using System.Net;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.HttpOverrides;

namespace Exact.Api.Http;

/// <summary>
/// Takes the public address of a request from the headers of the proxies that the configuration names.
/// </summary>
internal static class Proxies
{
    private const string KnownProxies = "ForwardedHeaders:KnownProxies";
    private const string KnownNetworks = "ForwardedHeaders:KnownNetworks";

    public static void AddProxies(this IServiceCollection services) =>
        services.AddOptions<ForwardedHeadersOptions>().Configure<IConfiguration>(Configure).ValidateOnStart();

    public static void UseProxies(this WebApplication app)
    {
        if (IsConfigured(app.Configuration))
        {
            app.UseForwardedHeaders();
        }

        if (app.Configuration["PathBase"]?.Trim('/') is { Length: > 0 } prefix)
        {
            app.UsePrefix($"/{prefix}");
        }
    }

    private static void Configure(ForwardedHeadersOptions options, IConfiguration configuration)
    {
        if (!IsConfigured(configuration))
        {
            return;
        }

        options.ForwardedHeaders = ForwardedHeaders.All;
        options.ForwardLimit = null; // as far as the known proxies go
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var value in ValuesOf(configuration, KnownProxies))
        {
            options.KnownProxies.Add(
                IPAddress.TryParse(value, out var address)
                    ? address
                    : throw new SettingException(KnownProxies, "must list IP addresses, separated by commas.")
            );
        }

        foreach (var value in ValuesOf(configuration, KnownNetworks))
        {
            options.KnownIPNetworks.Add(
                System.Net.IPNetwork.TryParse(value, out var network)
                    ? network
                    : throw new SettingException(
                        KnownNetworks,
                        "must list networks, separated by commas, such as 10.0.0.0/8."
                    )
            );
        }
    }

    /// <summary>Links carry the prefix, whether the proxy passes it on or removes it.</summary>
    private static void UsePrefix(this WebApplication app, PathString prefix) =>
        app.Use(
            (context, next) =>
            {
                var request = context.Request;
                if (request.Path.StartsWithSegments(prefix, out var rest))
                {
                    request.Path = rest;
                }

                if (!request.PathBase.HasValue)
                {
                    request.PathBase = prefix;
                }

                return next(context);
            }
        );

    private static bool IsConfigured(IConfiguration configuration) =>
        ValuesOf(configuration, KnownProxies).Concat(ValuesOf(configuration, KnownNetworks)).Any();

    /// <summary>The values of a list, which is one string with commas, or a JSON array.</summary>
    private static IEnumerable<string> ValuesOf(IConfiguration configuration, string key) =>
        configuration
            .GetSection(key)
            .GetChildren()
            .Select(child => child.Value)
            .Append(configuration[key])
            .OfType<string>()
            .SelectMany(list =>
                list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            );
}
