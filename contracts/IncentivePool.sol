// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "./libraries/Errors.sol";

/// @title Where penalties and slashed stakes go
/// @notice Receives plain token transfers from NodeRegistry and holds them until the owner hands them out.
contract IncentivePool is Ownable2Step {
    using SafeERC20 for IERC20;

    /// @notice The CNX token.
    IERC20 public immutable TOKEN;

    /// @notice The owner handed out what nodes had lost.
    event Distributed(address indexed to, uint256 amountWei);

    /// @notice Only receives at first; nobody but the owner can hand out.
    constructor(IERC20 token, address initialOwner) Ownable(initialOwner) {
        TOKEN = token;
    }

    /// @notice Pays `amountWei` of what the pool holds to `to`.
    /// @dev Admin power: the owner alone decides who gets penalties and slashed stakes, and when.
    function distribute(address to, uint256 amountWei) external onlyOwner {
        if (to == address(0)) revert Errors.IncentivePool_RecipientZero();
        uint256 heldWei = TOKEN.balanceOf(address(this));
        if (amountWei > heldWei) revert Errors.IncentivePool_InsufficientFunds(heldWei, amountWei);
        emit Distributed(to, amountWei);
        TOKEN.safeTransfer(to, amountWei);
    }
}
