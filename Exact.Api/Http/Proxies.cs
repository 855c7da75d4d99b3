using System.Net;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.HttpOverrides;

namespace Exact.Api.Http;

/// <summary>
/// Takes the public address of a request from the headers of the proxies that the configuration names.
/// </summary>
internal static partial class Proxies
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

        app.UseWarningAboutUnknownProxy();

        if (app.Configuration["PathBase"]?.Trim('/') is { Length: > 0 } prefix)
        {
            app.UsePrefix($"/{prefix}");
        }
    }

    /// <summary>Warns once, because the limits per address then count all clients of the proxy as one.</summary>
    private static void UseWarningAboutUnknownProxy(this WebApplication app)
    {
        var isWarned = 0;
        app.Use(
            (context, next) =>
            {
                var headers = context.Request.Headers;
                if (
                    headers.ContainsKey(ForwardedHeadersDefaults.XForwardedForHeaderName)
                    && !headers.ContainsKey(ForwardedHeadersDefaults.XOriginalForHeaderName) // set if it was believed
                    && Interlocked.Exchange(ref isWarned, 1) == 0
                )
                {
                    LogUnknownProxy(app.Logger, context.Connection.RemoteIpAddress);
                }

                return next(context);
            }
        );
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
                    : throw new SettingException(
                        KnownProxies,
                        $"has {Settings.Show(value)}, but must list IP addresses, separated by commas, such as 10.0.0.5."
                    )
            );
        }

        foreach (var value in ValuesOf(configuration, KnownNetworks))
        {
            options.KnownIPNetworks.Add(
                System.Net.IPNetwork.TryParse(value, out var network)
                    ? network
                    : throw new SettingException(
                        KnownNetworks,
                        $"has {Settings.Show(value)}, but must list networks, separated by commas, such as 10.0.0.0/8."
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

    [LoggerMessage(
        1403,
        LogLevel.Warning,
        "{Address} sends X-Forwarded-For, but is no proxy that Exact knows, so all its clients count as one address. "
            + "If it is your proxy, name it in ForwardedHeaders:KnownProxies or ForwardedHeaders:KnownNetworks"
    )]
    private static partial void LogUnknownProxy(ILogger logger, IPAddress? address);
}
