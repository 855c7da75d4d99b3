using Microsoft.AspNetCore.Identity;

namespace Exact.Infrastructure.Accounts;

/// <summary>An account: ASP.NET Core Identity's user with what Django's <c>auth.user</c> knows beyond it.</summary>
public sealed class User : IdentityUser<long>
{
    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>Staff may use everything under <c>/api/admin</c>.</summary>
    public bool IsStaff { get; set; }

    public bool IsSuperuser { get; set; }

    /// <summary>An inactive account cannot sign in; its scores stay.</summary>
    public bool IsActive { get; set; } = true;

    public DateTimeOffset? LastLogin { get; set; }

    public DateTimeOffset DateJoined { get; set; }
}
