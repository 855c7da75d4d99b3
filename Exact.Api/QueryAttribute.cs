using Microsoft.AspNetCore.Mvc;

namespace Exact.Api;

/// <summary>A query parameter: its name, and its description in the OpenAPI document.</summary>
/// <remarks>The framework does not describe parameters of <see cref="AsParametersAttribute"/> types.</remarks>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class QueryAttribute : FromQueryAttribute
{
    public QueryAttribute(string name, string description)
    {
        Name = name;
        Description = description;
    }

    public string Description { get; }
}
