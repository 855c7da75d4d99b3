using Microsoft.AspNetCore.Mvc;

namespace Exact.Api;

/// <summary>A query parameter: its name, and its description in the OpenAPI document.</summary>
/// <remarks>
/// The framework does not describe parameters of <see cref="AsParametersAttribute"/> types. Such a record declares its
/// parameters without nullable annotations: for <c>string?</c> the framework's generator writes <c>typeof(string?)</c>.
/// </remarks>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class QueryAttribute : FromQueryAttribute
{
    public required string Description { get; init; }
}
