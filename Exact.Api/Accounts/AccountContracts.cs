using Exact.Infrastructure.Accounts;
using FluentValidation;

namespace Exact.Api.Accounts;

/// <summary>A new account.</summary>
/// <param name="Username">At most 150 letters, digits and the characters @ . + - _</param>
/// <param name="Password">At least 8 characters, not only digits, and not similar to the name.</param>
/// <param name="Email">An email address that no other account has.</param>
/// <param name="Company">The name of the company, if there is one.</param>
/// <example>{"username": "ada", "password": "correct horse 7", "email": "ada@example.org", "company": "ACME"}</example>
internal sealed record RegisterRequest(string Username, string Password, string Email, string? Company = null);

/// <summary>A sign-in.</summary>
/// <example>{"username": "ada", "password": "correct horse 7"}</example>
internal sealed record LoginRequest(string Username, string Password);

/// <summary>A new password.</summary>
/// <param name="CurrentPassword">The password so far.</param>
/// <param name="NewPassword">At least 8 characters, not only digits, and not similar to the name.</param>
/// <example>{"current_password": "correct horse 7", "new_password": "staple battery 9"}</example>
internal sealed record PasswordRequest(string CurrentPassword, string NewPassword);

/// <summary>The caller's account.</summary>
/// <example>
/// {"id": 7, "username": "ada", "email": "ada@example.org", "first_name": "", "last_name": "", "company": "ACME",
/// "is_staff": false, "is_superuser": false, "date_joined": "2026-11-26T09:00:00Z", "last_login": null}
/// </example>
internal sealed record AccountResponse
{
    public required long Id { get; init; }

    public required string Username { get; init; }

    public required string? Email { get; init; }

    public required string FirstName { get; init; }

    public required string LastName { get; init; }

    /// <summary>The name of the company; null if there is none.</summary>
    public required string? Company { get; init; }

    /// <summary>Whether the account may do what the admin key may.</summary>
    public required bool IsStaff { get; init; }

    /// <summary>The same, as Django's flag for all permissions.</summary>
    public required bool IsSuperuser { get; init; }

    public required DateTimeOffset DateJoined { get; init; }

    /// <summary>When the person last signed in with the password; null if never.</summary>
    public required DateTimeOffset? LastLogin { get; init; }
}

internal sealed class RegisterValidator : AbstractValidator<RegisterRequest>
{
    public RegisterValidator()
    {
        RuleFor(request => request.Username)
            .Cascade(CascadeMode.Stop)
            .MaximumLength(UserNames.MaxLength)
            .Must(UserNames.AreAllowed)
            .WithMessage($"{UserNames.Rule}.");
        RuleFor(request => request.Password).NotEmpty().MaximumLength(PasswordRules.MaxLength);
        RuleFor(request => request.Email)
            .Cascade(CascadeMode.Stop)
            .MaximumLength(EmailAddresses.MaxLength)
            .Must(EmailAddresses.AreAllowed)
            .WithMessage($"{EmailAddresses.Rule}.");
        RuleFor(request => request.Company).MaximumLength(200).OneLine();
    }
}

internal sealed class LoginValidator : AbstractValidator<LoginRequest>
{
    public LoginValidator()
    {
        RuleFor(request => request.Username).NotEmpty().MaximumLength(UserNames.MaxLength).OneLine();
        RuleFor(request => request.Password).NotEmpty().MaximumLength(PasswordRules.MaxLength);
    }
}

internal sealed class PasswordValidator : AbstractValidator<PasswordRequest>
{
    public PasswordValidator()
    {
        RuleFor(request => request.CurrentPassword).NotEmpty().MaximumLength(PasswordRules.MaxLength);
        RuleFor(request => request.NewPassword).NotEmpty().MaximumLength(PasswordRules.MaxLength);
    }
}

internal static class TextRules
{
    /// <summary>PostgreSQL has no string with the character U+0000, and a name has no line breaks.</summary>
    public static void OneLine<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(text => text is null || !text.Any(char.IsControl)).WithMessage("Use no control characters.");
}
