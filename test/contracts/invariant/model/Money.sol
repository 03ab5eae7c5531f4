// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Errors} from "../../../../contracts/libraries/Errors.sol";
import {Rules} from "./Rules.sol";

/// @dev Where every wei should be.
abstract contract Money is Rules {
    mapping(address account => uint256) public ledgerOf;
    uint256 public ledgersWei;
    uint256 public escrowWei; // fees of tasks that have not ended
    uint256 public bountiesWei; // of replacements that are awaited
    uint256 public stakesWei;
    uint256 public poolWei; // what the IncentivePool holds
    uint256 public distributedWei; // what it held once
    uint256 public bountiesEverWei; // of stakes, what did not go there

    address[] private _accounts;
    mapping(address account => bool) private _known;
    /// @dev Whose ledger the last step changed.
    address[] private _touched;

    function accounts() external view returns (address[] memory) {
        return _accounts;
    }

    function touchedAccounts() external view returns (address[] memory) {
        return _touched;
    }

    function deposit(address account, uint256 amountWei) external returns (bytes4 refusal) {
        if (amountWei == 0) return Errors.TaskConsensus_AmountZero.selector;
        _credit(account, amountWei);
    }

    function withdraw(address account, address to, uint256 amountWei) external returns (bytes4 refusal) {
        if (amountWei == 0) return Errors.TaskConsensus_AmountZero.selector;
        if (to == address(0)) return Errors.TaskConsensus_RecipientZero.selector;
        if (ledgerOf[account] < amountWei) return Errors.TaskConsensus_InsufficientBalance.selector;
        _debit(account, amountWei);
    }

    function distribute(uint256 amountWei) external returns (bytes4 refusal) {
        if (amountWei > poolWei) return Errors.IncentivePool_InsufficientFunds.selector;
        poolWei -= amountWei;
        distributedWei += amountWei;
    }

    function _credit(address account, uint256 amountWei) internal {
        if (!_known[account]) {
            _known[account] = true;
            _accounts.push(account);
        }
        _touched.push(account);
        ledgerOf[account] += amountWei;
        ledgersWei += amountWei;
    }

    function _debit(address account, uint256 amountWei) internal {
        _touched.push(account);
        ledgerOf[account] -= amountWei;
        ledgersWei -= amountWei;
    }

    function _forgetTouchedAccounts() internal {
        delete _touched;
    }
}
