using System.Reflection;
using Exact.Infrastructure;
using Microsoft.Extensions.Logging;

namespace Exact.Tests;

/// <summary>Operators filter and alert on event ids, so they are part of the interface.</summary>
public sealed class LogEventTests
{
    private const BindingFlags All =
        BindingFlags.Instance
        | BindingFlags.Static
        | BindingFlags.Public
        | BindingFlags.NonPublic
        | BindingFlags.DeclaredOnly;

    private static readonly Assembly Api = typeof(Program).Assembly;
    private static readonly Assembly Infrastructure = typeof(Product).Assembly;

    [Fact]
    public void Every_event_of_the_infrastructure_has_an_id_from_2000_to_2999() =>
        Assert.All(EventsOf(Infrastructure), log => Assert.InRange(log.Id, 2000, 2999));

    [Fact]
    public void Every_event_of_the_API_has_an_id_from_1000_to_1999() =>
        Assert.All(EventsOf(Api), log => Assert.InRange(log.Id, 1000, 1999));

    [Fact]
    public void No_two_events_share_an_id()
    {
        var shared = EventsOf(Infrastructure)
            .Concat(EventsOf(Api))
            .GroupBy(log => log.Id)
            .Where(events => events.Count() > 1);

        Assert.Empty(shared);
    }

    private static IReadOnlyList<(string Method, int Id)> EventsOf(Assembly assembly)
    {
        var events = assembly
            .GetTypes()
            .SelectMany(type => type.GetMethods(All))
            .Select(method => (method, log: method.GetCustomAttribute<LoggerMessageAttribute>()))
            .Where(found => found.log is not null)
            .Select(found => ($"{found.method.DeclaringType}.{found.method.Name}", found.log!.EventId))
            .ToList();
        Assert.NotEmpty(events);
        return events;
    }
}
