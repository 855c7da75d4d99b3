using Microsoft.AspNetCore.Identity;

namespace Exact.Infrastructure.Accounts;

/// <summary>An account: ASP.NET Core Identity's user with the additional fields of Django's <c>auth.user</c>.</summary>
public sealed class User : IdentityUser<long>
{
    public string FirstName { get; set; } = "";

    public string LastName { get; set; } = "";

    /// <summary>Django's flag for access to its admin site. In Exact it makes an administrator.</summary>
    public bool IsStaff { get; set; }

    /// <summary>Django's flag for all permissions. In Exact it makes an administrator, too.</summary>
    public bool IsSuperuser { get; set; }

    /// <summary>Django's flag for accounts that may sign in.</summary>
    public bool IsActive { get; set; } = true;

    public DateTimeOffset? LastLogin { get; set; }

    public DateTimeOffset DateJoined { get; set; }

    /// <summary>Whether it belongs to the staff, who may do what the admin key may.</summary>
    public bool IsAdministrator => IsStaff || IsSuperuser;
}
