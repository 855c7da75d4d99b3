using System.Reflection;
using Exact.Api.Startup;
using Microsoft.Extensions.Logging;

namespace Exact.Tests.Startup;

/// <summary>Operators filter and alert by the ids of log events.</summary>
public sealed class LogEventTests
{
    [Fact]
    public void Every_log_event_of_the_service_has_an_id_of_its_own_from_1000_to_1999()
    {
        var ids = (
            from type in typeof(Welcome).Assembly.GetTypes()
            from method in type.GetMethods(
                BindingFlags.DeclaredOnly
                    | BindingFlags.Instance
                    | BindingFlags.Static
                    | BindingFlags.Public
                    | BindingFlags.NonPublic
            )
            let attribute = method.GetCustomAttribute<LoggerMessageAttribute>()
            where attribute is not null
            select attribute.EventId
        ).ToList();

        Assert.NotEmpty(ids);
        Assert.All(ids, id => Assert.InRange(id, 1000, 1999));
        Assert.Distinct(ids);
    }
}
